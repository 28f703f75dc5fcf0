//! Results of a run in an SQLite file: each cell in one transaction, keyed by the hash of what determines it.

mod scores;
mod trainings;

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use rusqlite::{
    Connection, ErrorCode, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params,
};

pub use self::trainings::StoredTraining;
use crate::record::{
    CellId, CellRecord, CostRecord, FitRecord, GalleryRecord, LayerRecord, ProfileRecord,
    VerdictRecord,
};

/// Changes whenever the tables do; a file of another version is not touched.
const SCHEMA_VERSION: i64 = 2;

const SCHEMA: &str = "
CREATE TABLE cells (
    key TEXT PRIMARY KEY, sigma_w2 REAL NOT NULL, sigma_b2 REAL NOT NULL, seed_index INTEGER NOT NULL, failure TEXT,
    cascade_seconds REAL NOT NULL, entropy_seconds REAL NOT NULL, flops INTEGER NOT NULL, backend TEXT NOT NULL
) STRICT;
CREATE TABLE grid (position INTEGER PRIMARY KEY, key TEXT NOT NULL) STRICT;
CREATE TABLE profiles (
    cell TEXT NOT NULL REFERENCES cells (key), position INTEGER NOT NULL, estimator TEXT NOT NULL,
    layer INTEGER NOT NULL, value REAL NOT NULL, low REAL, high REAL, floored INTEGER NOT NULL,
    PRIMARY KEY (cell, position, layer)
) STRICT, WITHOUT ROWID;
CREATE TABLE verdicts (
    cell TEXT NOT NULL REFERENCES cells (key), position INTEGER NOT NULL, estimator TEXT NOT NULL, rule TEXT NOT NULL,
    depth REAL, beyond INTEGER NOT NULL, low REAL, high REAL, note TEXT,
    PRIMARY KEY (cell, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE fits (
    cell TEXT NOT NULL REFERENCES cells (key), layer INTEGER NOT NULL, first_loss REAL NOT NULL,
    last_loss REAL NOT NULL, steps INTEGER NOT NULL,
    PRIMARY KEY (cell, layer)
) STRICT, WITHOUT ROWID;
CREATE TABLE gallery (
    cell TEXT NOT NULL REFERENCES cells (key), depth INTEGER NOT NULL, sample INTEGER NOT NULL, pixels BLOB NOT NULL,
    PRIMARY KEY (cell, depth, sample)
) STRICT, WITHOUT ROWID;
";

/// The results of a run.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    path: PathBuf,
}

impl Store {
    /// The file's name in a run's folder.
    pub const FILE: &str = "results.sqlite";

    /// Opens the store at `path`, or makes it.
    ///
    /// # Errors
    /// When the file cannot be made, is no SQLite file, or is of another version.
    pub fn open(path: &Path) -> Result<Self> {
        let connection =
            Connection::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        Self::prepare(connection, path).with_context(|| unusable(path))
    }

    /// Opens an existing store for reading only.
    ///
    /// # Errors
    /// When there is none, it cannot be read or it is of another version.
    pub fn open_existing(path: &Path) -> Result<Self> {
        let context = || format!("cannot read {}", path.display());
        let connection = open_to_read(path).with_context(context)?;
        let version: i64 = connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .with_context(context)?;
        if version != SCHEMA_VERSION {
            return Err(other_version(version)).with_context(context);
        }
        Ok(Self { connection, path: path.to_owned() })
    }

    fn prepare(mut connection: Connection, path: &Path) -> Result<Self> {
        // Shards of one run write to one file; each waits for the other's short transactions.
        connection.busy_timeout(PATIENCE)?;
        write_ahead(&connection)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let version: i64 =
            transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        match version {
            SCHEMA_VERSION => {}
            0 => {
                transaction.execute_batch(SCHEMA)?;
                transaction.execute_batch(trainings::SCHEMA)?;
                transaction.execute_batch(scores::SCHEMA)?;
                transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
            }
            other => return Err(other_version(other)),
        }
        transaction.commit()?;
        Ok(Self { connection, path: path.to_owned() })
    }

    /// Stores a cell, whole or not at all. A cell that is there already stays as it is.
    ///
    /// # Errors
    /// When the disk is full or the file is locked for over a minute.
    pub fn insert(&mut self, key: &str, record: &CellRecord) -> Result<()> {
        naming(&self.path, || {
            let transaction =
                self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let exists = transaction
                .query_row("SELECT 1 FROM cells WHERE key = ?", [key], |_| Ok(()))
                .optional()?;
            if exists.is_none() {
                insert_cell(&transaction, key, record)?;
            }
            transaction.commit().context("cannot store the results of a cell; is the disk full?")
        })
    }

    /// Notes the keys of all cells of the plan, in the grid's order, so that the results can be read without the data
    /// the keys were made from.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn set_grid(&mut self, keys: &[String]) -> Result<()> {
        self.set_keys("grid", keys)
    }

    /// The keys noted by [`set_grid`](Self::set_grid).
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn grid(&self) -> Result<Vec<String>> {
        self.keys_of("grid")
    }

    /// Replaces the keys in `table`, one of those that list what a plan consists of.
    fn set_keys(&mut self, table: &str, keys: &[String]) -> Result<()> {
        naming(&self.path, || {
            let transaction =
                self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute(&format!("DELETE FROM {table}"), [])?;
            let mut statement =
                transaction.prepare(&format!("INSERT INTO {table} VALUES (?, ?)"))?;
            for (position, key) in keys.iter().enumerate() {
                statement.execute(params![position as i64, key])?;
            }
            drop(statement);
            transaction.commit().context("cannot store the grid of a run; is the disk full?")
        })
    }

    /// The keys in `table`, in the plan's order.
    fn keys_of(&self, table: &str) -> Result<Vec<String>> {
        naming(&self.path, || {
            let query = format!("SELECT key FROM {table} ORDER BY position");
            let mut statement = self.connection.prepare(&query)?;
            let keys = statement.query_map([], |row| row.get(0))?;
            Ok(keys.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Keys of all cells stored.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn keys(&self) -> Result<HashSet<String>> {
        naming(&self.path, || {
            let mut statement = self.connection.prepare("SELECT key FROM cells")?;
            let keys =
                statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
            Ok(keys)
        })
    }

    /// The cell stored under `key`; `id` is what the plan calls it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn get(&self, key: &str, id: CellId) -> Result<Option<CellRecord>> {
        naming(&self.path, || {
            let mut statement = self.connection.prepare_cached(
                "SELECT failure, cascade_seconds, entropy_seconds, flops, backend FROM cells WHERE key = ?",
            )?;
            let head = statement.query_row([key], |row| {
                let cost = CostRecord {
                    cascade_seconds: row.get(1)?,
                    entropy_seconds: row.get(2)?,
                    flops: row.get::<_, i64>(3)? as u64,
                    backend: row.get(4)?,
                };
                Ok((row.get(0)?, cost))
            });
            let Some((failure, cost)) = head.optional()? else { return Ok(None) };
            Ok(Some(CellRecord {
                cell: id,
                failure,
                profiles: self.profiles(key)?,
                verdicts: self.verdicts(key)?,
                fits: self.fits(key)?,
                gallery: self.gallery(key)?,
                cost,
            }))
        })
    }

    fn profiles(&self, key: &str) -> Result<Vec<ProfileRecord>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT position, estimator, value, low, high, floored FROM profiles WHERE cell = ? ORDER BY position, layer",
        )?;
        let mut profiles: Vec<ProfileRecord> = Vec::new();
        let mut rows = statement.query([key])?;
        let mut position = None;
        while let Some(row) = rows.next()? {
            let this: i64 = row.get(0)?;
            if position != Some(this) {
                position = Some(this);
                profiles.push(ProfileRecord { estimator: row.get(1)?, layers: Vec::new() });
            }
            let layer = LayerRecord {
                value: row.get(2)?,
                interval: interval(row.get(3)?, row.get(4)?),
                floored: row.get::<_, i64>(5)? as usize,
            };
            profiles.last_mut().expect("pushed above").layers.push(layer);
        }
        Ok(profiles)
    }

    fn verdicts(&self, key: &str) -> Result<Vec<VerdictRecord>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT estimator, rule, depth, beyond, low, high, note FROM verdicts WHERE cell = ? ORDER BY position",
        )?;
        let verdicts = statement.query_map([key], |row| {
            Ok(VerdictRecord {
                estimator: row.get(0)?,
                rule: row.get(1)?,
                depth: row.get(2)?,
                beyond: row.get(3)?,
                interval: interval(row.get(4)?, row.get(5)?),
                note: row.get(6)?,
            })
        });
        Ok(verdicts?.collect::<rusqlite::Result<_>>()?)
    }

    fn fits(&self, key: &str) -> Result<Vec<FitRecord>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT first_loss, last_loss, steps FROM fits WHERE cell = ? ORDER BY layer",
        )?;
        let fits = statement.query_map([key], |row| {
            let steps = row.get::<_, i64>(2)? as usize;
            Ok(FitRecord { first_loss: row.get(0)?, last_loss: row.get(1)?, steps })
        });
        Ok(fits?.collect::<rusqlite::Result<_>>()?)
    }

    fn gallery(&self, key: &str) -> Result<Vec<GalleryRecord>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT depth, sample, pixels FROM gallery WHERE cell = ? ORDER BY depth, sample",
        )?;
        let gallery = statement.query_map([key], |row| {
            let (depth, sample) = (row.get::<_, i64>(0)? as usize, row.get::<_, i64>(1)? as usize);
            let bytes: Vec<u8> = row.get(2)?;
            let pixels =
                bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
            Ok(GalleryRecord { depth, sample, pixels })
        });
        Ok(gallery?.collect::<rusqlite::Result<_>>()?)
    }
}

/// A connection that changes nothing, also where the folder cannot be written to.
fn open_to_read(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    if connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())).is_ok() {
        return Ok(connection);
    }
    // The write-ahead log cannot be opened in a folder that cannot be written to. Nobody else writes there either.
    let absolute = path.canonicalize()?;
    let escaped =
        absolute.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let address = format!("file:{escaped}?immutable=1");
    Ok(Connection::open_with_flags(address, flags | OpenFlags::SQLITE_OPEN_URI)?)
}

fn other_version(version: i64) -> anyhow::Error {
    anyhow::anyhow!(
        "its tables are of version {version}, this program's of version {SCHEMA_VERSION}"
    )
}

/// What `work` on the store at `path` gives; its error names the file and, if that is damaged, says what to do.
fn naming<T>(path: &Path, work: impl FnOnce() -> Result<T>) -> Result<T> {
    work().map_err(|error| {
        let code = error.downcast_ref().and_then(rusqlite::Error::sqlite_error_code);
        let message = match code {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => format!(
                "{} is damaged; run the experiment again with --fresh, which computes all cells anew, or put back a copy",
                path.display()
            ),
            _ => format!("cannot use {}", path.display()),
        };
        error.context(message)
    })
}

fn unusable(path: &Path) -> String {
    format!("cannot use {}; start again with --fresh, or remove the file", path.display())
}

fn interval(low: Option<f64>, high: Option<f64>) -> Option<(f64, f64)> {
    low.zip(high)
}

/// How long a process waits for others that write to the file.
const PATIENCE: Duration = Duration::from_secs(60);

/// Changes to the journal that readers and a writer share. SQLite does not wait there for another process that is just
/// doing the same.
fn write_ahead(connection: &Connection) -> Result<()> {
    const PAUSE: Duration = Duration::from_millis(10);
    let start = Instant::now();
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && start.elapsed() < PATIENCE =>
            {
                std::thread::sleep(PAUSE);
            }
            done => return Ok(done?),
        }
    }
}

fn insert_cell(transaction: &Transaction<'_>, key: &str, record: &CellRecord) -> Result<()> {
    let CellRecord { cell, failure, profiles, verdicts, fits, gallery, cost } = record;
    transaction.execute(
        "INSERT INTO cells VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            key,
            cell.sigma_w2,
            cell.sigma_b2,
            cell.seed_index as i64,
            failure,
            cost.cascade_seconds,
            cost.entropy_seconds,
            cost.flops as i64,
            cost.backend,
        ],
    )?;
    let mut statement =
        transaction.prepare_cached("INSERT INTO profiles VALUES (?, ?, ?, ?, ?, ?, ?, ?)")?;
    for (position, profile) in profiles.iter().enumerate() {
        for (layer, LayerRecord { value, interval, floored }) in (1_i64..).zip(&profile.layers) {
            let (low, high) = interval.unzip();
            let (position, floored) = (position as i64, *floored as i64);
            statement.execute(params![
                key,
                position,
                profile.estimator,
                layer,
                value,
                low,
                high,
                floored
            ])?;
        }
    }
    let mut statement =
        transaction.prepare_cached("INSERT INTO verdicts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")?;
    for (position, verdict) in verdicts.iter().enumerate() {
        let VerdictRecord { estimator, rule, depth, beyond, interval, note } = verdict;
        let (low, high) = interval.unzip();
        statement.execute(params![
            key,
            position as i64,
            estimator,
            rule,
            depth,
            beyond,
            low,
            high,
            note
        ])?;
    }
    let mut statement = transaction.prepare_cached("INSERT INTO fits VALUES (?, ?, ?, ?, ?)")?;
    for (layer, fit) in (1_i64..).zip(fits) {
        statement.execute(params![key, layer, fit.first_loss, fit.last_loss, fit.steps as i64])?;
    }
    let mut statement = transaction.prepare_cached("INSERT INTO gallery VALUES (?, ?, ?, ?)")?;
    for GalleryRecord { depth, sample, pixels } in gallery {
        let bytes: Vec<u8> = pixels.iter().flat_map(|pixel| pixel.to_le_bytes()).collect();
        statement.execute(params![key, *depth as i64, *sample as i64, bytes])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> CellRecord {
        let layer = |value: f64| LayerRecord {
            value,
            interval: Some((value - 0.1, value + 0.1)),
            floored: 3,
        };
        CellRecord {
            cell: CellId { index: 4, sigma_w2: 1.7, sigma_b2: 0.05, seed_index: 2 },
            failure: None,
            profiles: vec![
                ProfileRecord {
                    estimator: "relative".to_owned(),
                    layers: vec![layer(0.1), layer(1.0 / 3.0)],
                },
                ProfileRecord {
                    estimator: "gram".to_owned(),
                    layers: vec![LayerRecord { value: 0.5, interval: None, floored: 0 }],
                },
            ],
            verdicts: vec![VerdictRecord {
                estimator: "relative".to_owned(),
                rule: "saturation".to_owned(),
                depth: None,
                beyond: true,
                interval: None,
                note: Some("not saturated".to_owned()),
            }],
            fits: vec![FitRecord { first_loss: 0.5, last_loss: 0.1, steps: 7 }],
            gallery: vec![GalleryRecord { depth: 0, sample: 1, pixels: vec![0.25, -1.0] }],
            cost: CostRecord {
                cascade_seconds: 1.5,
                entropy_seconds: 0.1,
                flops: 9,
                backend: "cpu".to_owned(),
            },
        }
    }

    #[test]
    fn cells_come_back_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(Store::FILE);
        Store::open(&path).unwrap().insert("k", &record()).unwrap();
        let store = Store::open_existing(&path).unwrap();
        assert_eq!(store.keys().unwrap(), HashSet::from(["k".to_owned()]));
        assert_eq!(store.get("k", record().cell).unwrap(), Some(record()));
        assert_eq!(store.get("other", record().cell).unwrap(), None);
        assert!(store.grid().unwrap().is_empty());
    }

    #[test]
    fn the_first_result_of_a_cell_stays() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join(Store::FILE)).unwrap();
        store.insert("k", &record()).unwrap();
        store.insert("k", &CellRecord { failure: Some("late".to_owned()), ..record() }).unwrap();
        assert_eq!(store.get("k", record().cell).unwrap(), Some(record()));
    }

    #[test]
    fn a_file_damaged_in_its_middle_is_named_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(Store::FILE);
        let mut store = Store::open(&path).unwrap();
        let names = (0..200).map(|cell| format!("cell {cell}"));
        names.for_each(|key| store.insert(&key, &record()).unwrap());
        drop(store);
        let mut bytes = std::fs::read(&path).unwrap();
        // The first pages stay, so that the file can be opened.
        let first = 16 * 4096;
        bytes[first..].fill(0xA5);
        std::fs::write(&path, bytes).unwrap();
        let store = Store::open_existing(&path).unwrap();
        let read = || {
            (0..200)
                .try_for_each(|cell| store.get(&format!("cell {cell}"), record().cell).map(drop))
        };
        let error = format!("{:#}", read().expect_err("damaged"));
        assert!(
            error.contains("results.sqlite is damaged") && error.contains("--fresh"),
            "{error}"
        );
    }

    #[test]
    fn a_foreign_file_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(Store::FILE);
        std::fs::write(&path, "this is not a database, it only has its name").unwrap();
        let error = format!("{:#}", Store::open(&path).expect_err("no database"));
        assert!(error.contains("--fresh"), "{error}");
        assert!(std::fs::read_to_string(&path).unwrap().starts_with("this is not"));
        assert!(Store::open_existing(&folder.path().join("none.sqlite")).is_err());
    }
}
