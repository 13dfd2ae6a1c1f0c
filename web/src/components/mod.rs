//! Pieces of pages. They take domain values and give markup; none of them knows a URL's handler or an operation.

mod badge;
mod fields;
mod figures;
mod frame;
mod grid;
mod icon;

pub(crate) use badge::{change_line, outcome, run_state, sensitivity, unclassified, zone};
pub(crate) use fields::{
    Choice, Input, error_summary, field_error, hidden, people, select, text_area, text_input,
};
pub(crate) use figures::{ago, bytes, compact, count, exact_time, plural, provenance};
pub(crate) use frame::{Crumb, crumbs, empty, fact, lines, pager};
pub(crate) use grid::{Heading, cell, cell_class, grid, number_cell, row_head};
pub(crate) use icon::{Icon, icon};
