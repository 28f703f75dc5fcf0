//! Lists of experiment files and runs.

use std::{
    fs::File,
    time::{Duration, UNIX_EPOCH},
};

use crate::common::Place;
use serde_json::Value;

#[test]
fn runs_have_the_date_of_their_results() {
    let place = Place::new();
    place.succeed(&["run", "tiny.toml"]);
    let results = place.run_folder().join("results.sqlite");
    let results = File::options().append(true).open(results).unwrap();
    results.set_modified(UNIX_EPOCH + Duration::from_secs(1_000_000_000)).unwrap();
    // A POSIX time zone, which needs no database: two hours ahead of UTC.
    let output = place.isobath(&["list"]).env("TZ", "EET-2").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("2001-09-09T03:46  done, 24 cells"), "{text}");
    let json: Value = serde_json::from_str(&place.succeed(&["list", "--json"])).unwrap();
    assert_eq!(json["runs"][0]["changed"], "2001-09-09T01:46:40Z", "{json}");
    assert_eq!(json["runs"][0]["state"], "done, 24 cells", "{json}");
}
