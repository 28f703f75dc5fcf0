//! Results of a run as Parquet files: `profiles.parquet`, `cutoffs.parquet`, `cells.parquet`.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{Error, Result};
use parquet::{
    basic::{LogicalType, Repetition, Type as PhysicalType},
    column::writer::ColumnWriter,
    data_type::ByteArray,
    file::{properties::WriterProperties, writer::SerializedFileWriter},
    schema::types::Type,
};

use isobath_store::{CellRecord, RunRecord};

/// One column: its name and one value per row. Missing numbers are null.
struct Column {
    name: &'static str,
    values: Values,
}

enum Values {
    Number(Vec<Option<f64>>),
    Integer(Vec<i64>),
    Text(Vec<String>),
}

/// Writes the three tables into `folder`; each file is complete or absent.
///
/// # Errors
/// If a file cannot be written.
pub fn write_parquet(run: &RunRecord, folder: &Path) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(folder).map_err(Error::file("create the folder", folder))?;
    [("profiles", profiles(run)), ("cutoffs", cutoffs(run)), ("cells", cells(run))]
        .into_iter()
        .map(|(name, columns)| {
            let path = folder.join(format!("{name}.parquet"));
            let partial = path.with_extension("partial");
            write_table(&partial, name, columns)
                .map_err(Error::part(path.display().to_string()))?;
            fs::rename(&partial, &path).map_err(Error::file("write", &path))?;
            Ok(path)
        })
        .collect()
}

/// Columns that identify a row's cell; `repeat` is its number of rows.
fn identity(run: &RunRecord, repeat: impl Fn(&CellRecord) -> usize) -> Vec<Column> {
    let rows = || run.cells.iter().flat_map(|cell| std::iter::repeat_n(cell.cell, repeat(cell)));
    vec![
        Column {
            name: "network",
            values: Values::Integer(rows().map(|cell| cell.point.variant as i64).collect()),
        },
        Column {
            name: "sigma_w2",
            values: Values::Number(rows().map(|cell| Some(cell.point.sigma_w2)).collect()),
        },
        Column {
            name: "sigma_b2",
            values: Values::Number(rows().map(|cell| Some(cell.point.sigma_b2)).collect()),
        },
        Column {
            name: "seed_index",
            values: Values::Integer(rows().map(|cell| cell.seed_index as i64).collect()),
        },
    ]
}

fn profiles(run: &RunRecord) -> Vec<Column> {
    let mut columns =
        identity(run, |cell| cell.profiles.iter().map(|profile| profile.layers.len()).sum());
    let rows = || {
        let profiles = run.cells.iter().flat_map(|cell| &cell.profiles);
        profiles.flat_map(|profile| {
            (1_i64..).zip(&profile.layers).map(|(depth, layer)| (&profile.estimator, depth, layer))
        })
    };
    columns.extend([
        Column {
            name: "estimator",
            values: Values::Text(rows().map(|(estimator, ..)| estimator.to_string()).collect()),
        },
        Column {
            name: "depth",
            values: Values::Integer(rows().map(|(_, depth, _)| depth).collect()),
        },
        Column {
            name: "value",
            values: Values::Number(rows().map(|(.., layer)| Some(layer.value)).collect()),
        },
        Column {
            name: "low",
            values: Values::Number(rows().map(|(.., layer)| layer.interval.map(|i| i.0)).collect()),
        },
        Column {
            name: "high",
            values: Values::Number(rows().map(|(.., layer)| layer.interval.map(|i| i.1)).collect()),
        },
        Column {
            name: "floored",
            values: Values::Integer(rows().map(|(.., layer)| layer.floored as i64).collect()),
        },
    ]);
    columns
}

fn cutoffs(run: &RunRecord) -> Vec<Column> {
    let mut columns = identity(run, |cell| cell.cutoffs.len());
    let rows = || run.cells.iter().flat_map(|cell| &cell.cutoffs);
    columns.extend([
        Column {
            name: "estimator",
            values: Values::Text(rows().map(|v| v.estimator.to_string()).collect()),
        },
        Column { name: "rule", values: Values::Text(rows().map(|v| v.rule.to_string()).collect()) },
        Column { name: "depth", values: Values::Number(rows().map(|v| v.depth).collect()) },
        Column {
            name: "beyond",
            values: Values::Integer(rows().map(|v| i64::from(v.beyond)).collect()),
        },
        Column {
            name: "lower_bound",
            values: Values::Integer(rows().map(|v| i64::from(v.is_lower_bound)).collect()),
        },
        Column {
            name: "low",
            values: Values::Number(rows().map(|v| v.interval.map(|i| i.0)).collect()),
        },
        Column {
            name: "high",
            values: Values::Number(rows().map(|v| v.interval.map(|i| i.1)).collect()),
        },
        Column { name: "half_steps", values: Values::Number(rows().map(|v| v.half).collect()) },
        Column {
            name: "note",
            values: Values::Text(rows().map(|v| v.note.clone().unwrap_or_default()).collect()),
        },
    ]);
    columns
}

fn cells(run: &RunRecord) -> Vec<Column> {
    let mut columns = identity(run, |_| 1);
    let rows = || run.cells.iter();
    columns.extend([
        Column {
            name: "failure",
            values: Values::Text(rows().map(|c| c.failure.clone().unwrap_or_default()).collect()),
        },
        Column {
            name: "cascade_seconds",
            values: Values::Number(rows().map(|c| Some(c.cost.cascade_seconds)).collect()),
        },
        Column {
            name: "entropy_seconds",
            values: Values::Number(rows().map(|c| Some(c.cost.entropy_seconds)).collect()),
        },
        Column {
            name: "flops",
            values: Values::Integer(rows().map(|c| c.cost.flops as i64).collect()),
        },
        Column {
            name: "backend",
            values: Values::Text(rows().map(|c| c.cost.backend.clone()).collect()),
        },
    ]);
    columns
}

fn write_table(path: &Path, name: &str, columns: Vec<Column>) -> Result<()> {
    let fields: Result<Vec<_>, _> =
        columns.iter().map(|column| column.field().map(Arc::new)).collect();
    let schema = Type::group_type_builder(name).with_fields(fields?).build()?;
    let properties = Arc::new(WriterProperties::builder().build());
    let mut writer = SerializedFileWriter::new(
        File::create(path).map_err(Error::file("write", path))?,
        Arc::new(schema),
        properties,
    )?;
    let mut group = writer.next_row_group()?;
    let mut columns = columns.into_iter();
    while let (Some(mut sink), Some(column)) = (group.next_column()?, columns.next()) {
        column.write(sink.untyped())?;
        sink.close()?;
    }
    group.close()?;
    writer.close()?;
    Ok(())
}

impl Column {
    fn field(&self) -> Result<Type> {
        let (physical, repetition, logical) = match self.values {
            Values::Number(_) => (PhysicalType::DOUBLE, Repetition::OPTIONAL, None),
            Values::Integer(_) => (PhysicalType::INT64, Repetition::REQUIRED, None),
            Values::Text(_) => {
                (PhysicalType::BYTE_ARRAY, Repetition::REQUIRED, Some(LogicalType::String))
            }
        };
        let builder = Type::primitive_type_builder(self.name, physical).with_repetition(repetition);
        Ok(builder.with_logical_type(logical).build()?)
    }

    fn write(self, sink: &mut ColumnWriter<'_>) -> Result<()> {
        match (self.values, sink) {
            (Values::Number(values), ColumnWriter::DoubleColumnWriter(writer)) => {
                let there: Vec<i16> =
                    values.iter().map(|value| i16::from(value.is_some())).collect();
                let values: Vec<f64> = values.into_iter().flatten().collect();
                writer.write_batch(&values, Some(&there), None)?;
            }
            (Values::Integer(values), ColumnWriter::Int64ColumnWriter(writer)) => {
                writer.write_batch(&values, None, None)?;
            }
            (Values::Text(values), ColumnWriter::ByteArrayColumnWriter(writer)) => {
                let values: Vec<ByteArray> =
                    values.iter().map(|text| ByteArray::from(text.as_str())).collect();
                writer.write_batch(&values, None, None)?;
            }
            _ => unreachable!("the schema is made from the columns"),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use isobath_store::synthetic::{Options, run};
    use parquet::file::reader::{FileReader, SerializedFileReader};

    use super::*;

    #[test]
    fn tables_contain_every_row() {
        let run = run(&Options::default());
        let folder = tempfile::tempdir().unwrap();
        write_parquet(&run, folder.path()).unwrap();
        let rows = |name: &str| {
            let file = File::open(folder.path().join(name)).unwrap();
            let rows =
                SerializedFileReader::new(file).unwrap().metadata().file_metadata().num_rows();
            usize::try_from(rows).unwrap()
        };
        let sum = |of: fn(&CellRecord) -> usize| run.cells.iter().map(of).sum::<usize>();
        let layers =
            |cell: &CellRecord| cell.profiles.iter().map(|profile| profile.layers.len()).sum();
        assert_eq!(rows("cells.parquet"), run.cells.len());
        assert_eq!(rows("profiles.parquet"), sum(layers));
        assert_eq!(rows("cutoffs.parquet"), sum(|cell| cell.cutoffs.len()));
    }
}
