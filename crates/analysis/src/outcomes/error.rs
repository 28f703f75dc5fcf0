use super::Column;

/// Reason why a table of outcomes cannot be used. Lines count from 1, the header included.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The table is not CSV.
    #[error("the table is not CSV with one header line")]
    Csv(#[from] csv::Error),
    /// The table has no row.
    #[error("the table has no line below its header")]
    Empty,
    /// A column is missing.
    #[error(
        "the table has no column {wanted}, which may be called {}; name it with --column {wanted}=HEADER. Its headers are \
         {headers}",
        wanted.headers().join(", ")
    )]
    MissingColumn {
        /// The column.
        wanted: Column,
        /// Headers of the table.
        headers: String,
    },
    /// The table has neither accuracies nor successes.
    #[error(
        "the table has no column accuracy and no column success; name one with --column accuracy=HEADER or --column \
         success=HEADER. Its headers are {headers}"
    )]
    NoOutcome {
        /// Headers of the table.
        headers: String,
    },
    /// Several headers may be the column.
    #[error("the columns {headers} may all be {column}; choose one with --column {column}=HEADER")]
    Ambiguous {
        /// The column.
        column: Column,
        /// Headers that may be the column.
        headers: String,
    },
    /// A header that was assigned to a column does not exist.
    #[error(
        "the table has no column {header:?}, which --column assigns to {column}; its headers are {headers}"
    )]
    UnknownHeader {
        /// The column.
        column: Column,
        /// The header.
        header: String,
        /// Headers of the table.
        headers: String,
    },
    /// A setting of the networks is neither in the table nor given.
    #[error("the table has no column {column}; give the value for all rows with {option}")]
    NotGiven {
        /// The column.
        column: Column,
        /// Option that gives the value.
        option: &'static str,
    },
    /// A value is outside its range.
    #[error("line {line}: {column} is {value:?}, but must be {allowed}")]
    Value {
        /// Line of the table.
        line: u64,
        /// The column.
        column: Column,
        /// The value.
        value: String,
        /// Allowed values.
        allowed: &'static str,
    },
    /// Two rows describe one network.
    #[error(
        "lines {first} and {line} describe the same network of one grid; tell initialisations apart by a column seed, and \
         grids by a column grid"
    )]
    Repeated {
        /// First line.
        first: u64,
        /// Second line.
        line: u64,
    },
    /// The table's outcomes are successes, so an accuracy cannot decide.
    #[error(
        "the table has no column accuracy, so no accuracy decides what success is; omit --success-accuracy"
    )]
    NoAccuracy,
}
