//! The gateway over its own listener: each request is signed as a client signs it, and goes out as its bytes are written here.

mod before_s3;
mod listing;
mod reach;
mod reading;
mod rig;
mod uploads;
mod writing;
