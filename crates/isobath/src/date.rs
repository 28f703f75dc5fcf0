//! Dates in ISO 8601.

use std::time::SystemTime;

use chrono::{DateTime, Local, SecondsFormat, Utc};

/// Date and time of this machine's time zone, to the minute: `2026-03-01T14:05`
pub(crate) fn local(time: SystemTime) -> String {
    DateTime::<Local>::from(time).format("%Y-%m-%dT%H:%M").to_string()
}

/// Universal time to the second: `2026-03-01T13:05:09Z`
pub(crate) fn utc(time: SystemTime) -> String {
    DateTime::<Utc>::from(time).to_rfc3339_opts(SecondsFormat::Secs, true)
}
