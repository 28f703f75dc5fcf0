//! Tables of cells.

use std::{collections::HashSet, str::FromStr};

use isobath_experiment::CellId;
use rusqlite::{OptionalExtension, Row, Transaction, TransactionBehavior, params, types::Type};

use super::{Store, with_path};
use crate::{
    CellRecord, CostRecord, CutoffRecord, FitRecord, GalleryRecord, LayerRecord, ProfileRecord,
    Result,
};

pub(super) const SCHEMA: &str = "
CREATE TABLE cells (
    key TEXT PRIMARY KEY, sigma_w2 REAL NOT NULL, sigma_b2 REAL NOT NULL, seed_index INTEGER NOT NULL, failure TEXT,
    cascade_seconds REAL NOT NULL, entropy_seconds REAL NOT NULL, flops INTEGER NOT NULL, backend TEXT NOT NULL
) STRICT;
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

impl Store {
    /// Stores a cell atomically. An existing cell with the same key stays unchanged.
    ///
    /// # Errors
    /// When the disk is full or another process locks the file for over a minute.
    pub fn insert(&mut self, key: &str, record: &CellRecord) -> Result<()> {
        with_path(&self.path, || {
            let transaction =
                self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let exists = transaction
                .query_row("SELECT 1 FROM cells WHERE key = ?", [key], |_| Ok(()))
                .optional()?;
            if exists.is_none() {
                insert_cell(&transaction, key, record)?;
            }
            transaction.commit()
        })
    }

    /// Keys of all stored cells.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn keys(&self) -> Result<HashSet<String>> {
        with_path(&self.path, || {
            let mut statement = self.connection.prepare("SELECT key FROM cells")?;
            statement.query_map([], |row| row.get(0))?.collect()
        })
    }

    /// Returns the cell stored under `key`. The record gets the given `id`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn get(&self, key: &str, id: CellId) -> Result<Option<CellRecord>> {
        with_path(&self.path, || {
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
                cutoffs: self.cutoffs(key)?,
                fits: self.fits(key)?,
                gallery: self.gallery(key)?,
                cost,
            }))
        })
    }

    fn profiles(&self, key: &str) -> rusqlite::Result<Vec<ProfileRecord>> {
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
                profiles.push(ProfileRecord { estimator: parsed(row, 1)?, layers: Vec::new() });
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

    fn cutoffs(&self, key: &str) -> rusqlite::Result<Vec<CutoffRecord>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT estimator, rule, depth, beyond, low, high, note FROM verdicts WHERE cell = ? ORDER BY position",
        )?;
        let cutoffs = statement.query_map([key], |row| {
            Ok(CutoffRecord {
                estimator: parsed(row, 0)?,
                rule: parsed(row, 1)?,
                depth: row.get(2)?,
                beyond: row.get(3)?,
                interval: interval(row.get(4)?, row.get(5)?),
                note: row.get(6)?,
            })
        });
        cutoffs?.collect()
    }

    fn fits(&self, key: &str) -> rusqlite::Result<Vec<FitRecord>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT first_loss, last_loss, steps FROM fits WHERE cell = ? ORDER BY layer",
        )?;
        let fits = statement.query_map([key], |row| {
            let steps = row.get::<_, i64>(2)? as usize;
            Ok(FitRecord { first_loss: row.get(0)?, last_loss: row.get(1)?, steps })
        });
        fits?.collect()
    }

    fn gallery(&self, key: &str) -> rusqlite::Result<Vec<GalleryRecord>> {
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
        gallery?.collect()
    }
}

/// Parses the id of an estimator or rule in `column`.
fn parsed<T>(row: &Row<'_>, column: usize) -> rusqlite::Result<T>
where
    T: FromStr<Err = isobath_entropy::Error>,
{
    let id: String = row.get(column)?;
    id.parse().map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
    })
}

fn interval(low: Option<f64>, high: Option<f64>) -> Option<(f64, f64)> {
    low.zip(high)
}

fn insert_cell(
    transaction: &Transaction<'_>,
    key: &str,
    record: &CellRecord,
) -> rusqlite::Result<()> {
    let CellRecord { cell, failure, profiles, cutoffs, fits, gallery, cost } = record;
    transaction.execute(
        "INSERT INTO cells VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            key,
            cell.point.sigma_w2,
            cell.point.sigma_b2,
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
                profile.estimator.to_string(),
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
    for (position, cutoff) in cutoffs.iter().enumerate() {
        let CutoffRecord { estimator, rule, depth, beyond, interval, note } = cutoff;
        let (low, high) = interval.unzip();
        statement.execute(params![
            key,
            position as i64,
            estimator.to_string(),
            rule.to_string(),
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
    use isobath_entropy::{EstimatorSpec, cutoff::CutoffRule};
    use isobath_experiment::GridPoint;

    use super::*;

    fn record() -> CellRecord {
        let layer = |value: f64| LayerRecord {
            value,
            interval: Some((value - 0.1, value + 0.1)),
            floored: 3,
        };
        CellRecord {
            cell: CellId { index: 4, point: GridPoint::new(1.7, 0.05), seed_index: 2 },
            failure: None,
            profiles: vec![
                ProfileRecord {
                    estimator: EstimatorSpec::RELATIVE,
                    layers: vec![layer(0.1), layer(1.0 / 3.0)],
                },
                ProfileRecord {
                    estimator: EstimatorSpec::Gram(isobath_entropy::Gram),
                    layers: vec![LayerRecord { value: 0.5, interval: None, floored: 0 }],
                },
            ],
            cutoffs: vec![CutoffRecord {
                estimator: EstimatorSpec::RELATIVE,
                rule: CutoffRule::default(),
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
    fn cells_round_trip() {
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
    fn first_result_of_a_cell_stays() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join(Store::FILE)).unwrap();
        store.insert("k", &record()).unwrap();
        store.insert("k", &CellRecord { failure: Some("late".to_owned()), ..record() }).unwrap();
        assert_eq!(store.get("k", record().cell).unwrap(), Some(record()));
    }

    #[test]
    fn error_of_a_damaged_file_names_it_and_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(Store::FILE);
        let mut store = Store::open(&path).unwrap();
        let names = (0..200).map(|cell| format!("cell {cell}"));
        names.for_each(|key| store.insert(&key, &record()).unwrap());
        drop(store);
        let mut bytes = std::fs::read(&path).unwrap();
        // The first pages stay intact, so that the file opens.
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
    fn foreign_file_is_rejected_and_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(Store::FILE);
        std::fs::write(&path, "this is not a database, it only has its name").unwrap();
        let error = format!("{:#}", Store::open(&path).expect_err("no database"));
        assert!(error.contains("--fresh"), "{error}");
        assert!(std::fs::read_to_string(&path).unwrap().starts_with("this is not"));
        assert!(Store::open_existing(&folder.path().join("none.sqlite")).is_err());
    }
}
