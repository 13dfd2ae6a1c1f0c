//! Slowing down who guesses: per address a rate, per account a delay that grows with each failure. No account is ever
//! locked, so that nobody can lock another out for good.

use chrono::{DateTime, TimeDelta, Utc};
use moka::sync::Cache;
use std::net::IpAddr;
use std::time::Duration;
use weir_core::{Error, Result};

const PER_ADDRESS_A_MINUTE: u32 = 30;
const FREE_FAILURES: u32 = 5;
const LONGEST_DELAY_SECONDS: i64 = 60;

#[derive(Debug, Clone)]
pub(crate) struct Throttle {
    addresses: Cache<(IpAddr, i64), u32>,
    accounts: Cache<String, Failures>,
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    not_before: DateTime<Utc>,
}

impl Throttle {
    pub(crate) fn new() -> Self {
        let cache = || Cache::builder().max_capacity(100_000);
        Self {
            addresses: cache().time_to_live(Duration::from_secs(120)).build(),
            accounts: Cache::builder()
                .max_capacity(100_000)
                .time_to_live(Duration::from_secs(900))
                .build(),
        }
    }

    /// Counts an attempt. Errors: too many from this address, or too soon for this account.
    pub(crate) fn admit(
        &self,
        account: &str,
        address: Option<IpAddr>,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let slow_down =
            || Error::throttled("Too many attempts to sign in. Wait a minute and try again.");
        if let Some(address) = address.map(network) {
            let key = (address, now.timestamp() / 60);
            let so_far = self.addresses.entry(key).and_upsert_with(|entry| {
                entry.map_or(1, |entry| entry.into_value().saturating_add(1))
            });
            if so_far.into_value() > PER_ADDRESS_A_MINUTE {
                return Err(slow_down());
            }
        }
        match self.accounts.get(account) {
            Some(failures) if now < failures.not_before => Err(slow_down()),
            _ => Ok(()),
        }
    }

    pub(crate) fn failed(&self, account: &str, now: DateTime<Utc>) {
        self.accounts
            .entry(account.to_owned())
            .and_upsert_with(|entry| {
                let count = entry
                    .map_or(0, |entry| entry.into_value().count)
                    .saturating_add(1);
                let delay = match count.checked_sub(FREE_FAILURES) {
                    None | Some(0) => 0,
                    Some(beyond) => 2_i64
                        .saturating_pow(beyond.min(10))
                        .min(LONGEST_DELAY_SECONDS),
                };
                Failures {
                    count,
                    not_before: now + TimeDelta::seconds(delay),
                }
            });
    }

    pub(crate) fn succeeded(&self, account: &str) {
        self.accounts.invalidate(account);
    }

    /// Takes an attempt from this address back: it was no guess. Engines of one host sign in once for each of their
    /// processes, and nobody guesses the 256 random bits of a client's secret; a person's password might be guessed right.
    pub(crate) fn take_back(&self, address: Option<IpAddr>, now: DateTime<Utc>) {
        let Some(address) = address.map(network) else {
            return;
        };
        self.addresses
            .entry((address, now.timestamp() / 60))
            .and_upsert_with(|entry| entry.map_or(0, |entry| entry.into_value().saturating_sub(1)));
    }
}

/// One subscriber has a whole /64 of IPv6 addresses.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & !u128::from(u64::MAX)).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_beyond_the_fifth_doubles_the_wait() {
        let (throttle, now) = (Throttle::new(), Utc::now());
        for _ in 0..5 {
            throttle.failed("mia", now);
        }
        assert!(throttle.admit("mia", None, now).is_ok());
        throttle.failed("mia", now);
        throttle.failed("mia", now);
        assert!(
            throttle
                .admit("mia", None, now + TimeDelta::seconds(3))
                .is_err()
        );
        assert!(
            throttle
                .admit("mia", None, now + TimeDelta::seconds(4))
                .is_ok()
        );
        assert!(throttle.admit("ben", None, now).is_ok());
        throttle.succeeded("mia");
        assert!(throttle.admit("mia", None, now).is_ok());
    }

    #[test]
    fn one_address_has_a_bounded_rate() {
        let (throttle, now) = (Throttle::new(), DateTime::from_timestamp(60, 0).unwrap());
        let attempts = |address: &str| {
            (0..40)
                .filter(|n| {
                    throttle
                        .admit(&n.to_string(), address.parse().ok(), now)
                        .is_ok()
                })
                .count()
        };
        assert_eq!(attempts("192.0.2.1"), 30);
        assert_eq!(attempts("2001:db8::1") + attempts("2001:db8::2"), 30);
    }

    #[test]
    fn clients_that_prove_who_they_are_do_not_use_up_their_address() {
        let (throttle, now) = (Throttle::new(), Utc::now());
        let address = Some(IpAddr::from([127, 0, 0, 1]));
        for _ in 0..200 {
            throttle.admit("engine", address, now).unwrap();
            throttle.succeeded("engine");
            throttle.take_back(address, now);
        }
        for _ in 0..PER_ADDRESS_A_MINUTE {
            throttle.admit("guess", address, now).unwrap();
        }
        assert!(throttle.admit("guess", address, now).is_err());
    }
}
