//! Record of a run's submissions, in its folder.

use std::{fs, io::ErrorKind, path::Path};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// Jobs of one call of `submit`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Submission {
    /// Universal time.
    pub(crate) sent: String,
    /// Number of shards of the run.
    pub(crate) tasks: usize,
    /// Shards that were sent.
    pub(crate) shards: Vec<usize>,
    /// Number of the array, if shards were sent.
    pub(crate) array_job: Option<String>,
    /// Number of the job that merges and writes the report.
    pub(crate) report_job: Option<String>,
    /// Command that sends what is missing.
    pub(crate) command: String,
}

/// All submissions of a run, the last one at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Submissions(pub(crate) Vec<Submission>);

/// Number of submissions that are remembered. Slurm has forgotten the jobs of earlier ones.
const MOST: usize = 20;

impl Submissions {
    /// Folder of scripts and logs in a run's folder.
    pub(crate) const FOLDER: &str = "submit";
    /// The record in a run's folder.
    const FILE: &str = "submit/jobs.json";

    /// Reads the record of the run in `folder`; empty if nothing was submitted.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(Self::FILE);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        };
        serde_json::from_slice(&text).with_context(|| {
            format!("{} is damaged; remove it if no job of this run is queued", path.display())
        })
    }

    /// Writes the record into the run in `folder` atomically.
    ///
    /// # Errors
    /// When the disk is full.
    pub(crate) fn write(&mut self, folder: &Path) -> Result<()> {
        let old = self.0.len().saturating_sub(MOST);
        self.0.drain(..old);
        let path = folder.join(Self::FILE);
        let text = serde_json::to_vec_pretty(self)?;
        let partial = path.with_extension("partial");
        fs::write(&partial, text)
            .and_then(|()| fs::rename(&partial, &path))
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// Numbers of all jobs.
    pub(crate) fn jobs(&self) -> Vec<&str> {
        let jobs = self.0.iter().flat_map(|one| one.array_job.iter().chain(&one.report_job));
        jobs.map(String::as_str).collect()
    }

    /// The last submission of `shard`.
    pub(crate) fn of_shard(&self, shard: usize, tasks: usize) -> Option<&Submission> {
        let has_shard = |one: &&Submission| one.tasks == tasks && one.shards.contains(&shard);
        self.0.iter().rev().find(has_shard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn submissions_round_trip_and_old_ones_are_forgotten() {
        let place = tempfile::tempdir().unwrap();
        assert_eq!(Submissions::read(place.path()).unwrap(), Submissions::default());
        fs::create_dir(place.path().join(Submissions::FOLDER)).unwrap();
        let submission = |number: usize| Submission {
            sent: "2026-01-01T00:00:00Z".to_owned(),
            tasks: 4,
            shards: vec![1, number],
            array_job: Some(number.to_string()),
            report_job: None,
            command: "submit".to_owned(),
        };
        let mut all = Submissions((0..30).map(submission).collect());
        all.write(place.path()).unwrap();
        assert_eq!(Submissions::read(place.path()).unwrap(), all);
        assert_eq!((all.0.len(), all.jobs()[0]), (MOST, "10"));
        assert_eq!(all.of_shard(1, 4), Some(&submission(29)));
        assert_eq!(all.of_shard(12, 4), Some(&submission(12)));
        assert_eq!(all.of_shard(1, 5), None);
        fs::write(place.path().join(Submissions::FILE), "{").unwrap();
        let error = format!("{:#}", Submissions::read(place.path()).unwrap_err());
        assert!(error.contains("is damaged; remove it"), "{error}");
    }
}
