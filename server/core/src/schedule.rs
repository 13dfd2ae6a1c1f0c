//! When a crawler is due: five cron fields in a time zone.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

use crate::{Error, Result};

/// A parsed schedule.
#[derive(Debug, Clone)]
pub struct Schedule {
    cron: Cron,
    zone: Tz,
}

impl Schedule {
    /// Errors: not five cron fields, a field that no moment meets, an unknown time zone.
    pub fn parse(cron: &str, zone: &str) -> Result<Self> {
        let parser = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build();
        let cron = parser.parse(cron).map_err(|error| {
            Error::invalid(
                "schedule",
                "A schedule is five cron fields, such as `0 2 * * *` for every night at two.",
            )
            .source(error)
        })?;
        Ok(Self {
            cron,
            zone: parse_zone(zone)?,
        })
    }

    /// The first moment after `now`, or none within the horizon of the cron library.
    pub fn next_after(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.cron
            .find_next_occurrence(&now.with_timezone(&self.zone), false)
            .ok()
            .map(|next| next.with_timezone(&Utc))
    }
}

/// Errors: not a name of the IANA time zone database.
pub fn parse_zone(zone: &str) -> Result<Tz> {
    zone.parse().map_err(|_| {
        Error::invalid(
            "time_zone",
            "A time zone is a name such as UTC, Europe/Berlin or America/New_York.",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn two_at_night_is_two_where_the_people_are() {
        let schedule = Schedule::parse("0 2 * * *", "Europe/Berlin").unwrap();
        assert_eq!(
            schedule.next_after(at("2026-01-10T12:00:00Z")),
            Some(at("2026-01-11T01:00:00Z"))
        );
        assert_eq!(
            schedule.next_after(at("2026-07-10T12:00:00Z")),
            Some(at("2026-07-11T00:00:00Z"))
        );
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        for bad in [
            "",
            "* * * *",
            "61 * * * *",
            "* * * * * *",
            "every day",
            "0 2 * * *; rm",
        ] {
            assert!(Schedule::parse(bad, "UTC").is_err(), "{bad:?} was accepted");
        }
        assert!(Schedule::parse("0 2 * * *", "Mars/Olympus").is_err());
    }
}
