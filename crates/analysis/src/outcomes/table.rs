//! Tables of trainings made elsewhere: one row per trained network.

use std::collections::BTreeMap;

use csv::StringRecord;
use isobath_architecture::Activation;
use isobath_meanfield::Weights;

use super::{Column, ColumnHeader, Error};

/// Settings of a table that are not in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TableSettings {
    /// Headers of columns that have other names.
    pub columns: Vec<ColumnHeader>,
    /// Activation of all networks, for tables without this column.
    pub activation: Option<Activation>,
    /// Bias variance of all networks, for tables without this column.
    pub sigma_b2: Option<f64>,
    /// Units of the hidden layers of all networks, for tables without this column; `None` if unknown.
    pub width: Option<usize>,
    /// Least accuracy of a success; `None` for [`Table::DEFAULT_SUCCESS`].
    pub success_accuracy: Option<f64>,
}

/// Trained networks by grid.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Least accuracy of a success; `None` if the table itself says which trainings succeeded.
    pub success: Option<f64>,
    /// Grids in the order of their first rows.
    pub grids: Vec<Grid>,
}

/// Networks that are scored together.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    /// Name; empty if the table has no names.
    pub name: String,
    /// Header and value of each further column that has one value in this grid.
    pub facts: Vec<(String, String)>,
    /// Families by ascending `sigma_w2`.
    pub families: Vec<Family>,
    /// Trained networks in the order of their rows.
    pub networks: Vec<Network>,
    /// Networks whose accuracy is not a number; they count as failures.
    pub diverged: usize,
}

/// Settings that networks share if they differ in depth and initialisation alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Family {
    /// Activation of the hidden layers.
    pub activation: Activation,
    /// Variance of the weights times the fan-in.
    pub sigma_w2: f64,
    /// Variance of the biases.
    pub sigma_b2: f64,
    /// Probability that dropout keeps an activation; 1 without dropout.
    pub keep: f64,
    /// Units of a hidden layer, if known.
    pub width: Option<usize>,
    /// Law of the weights.
    pub weights: Weights,
}

/// One trained network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// Index of its family in [`Grid::families`].
    pub family: usize,
    /// Weight layers.
    pub depth: usize,
    /// Index of its initialisation, from 0.
    pub seed: usize,
    /// True if the training succeeded.
    pub succeeded: bool,
}

impl Table {
    /// Least accuracy of a success if none is given.
    pub const DEFAULT_SUCCESS: f64 = 0.5;

    /// Reads a table in CSV with one header line. Lines that start with `#` are comments.
    ///
    /// # Errors
    /// [`Error`] names the column, or the line and the value, that cannot be used.
    pub fn read(text: &str, settings: &TableSettings) -> Result<Self, Error> {
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .comment(Some(b'#'))
            .from_reader(text.as_bytes());
        let header = Header::new(reader.headers()?, settings)?;
        let mut rows = Rows { header: &header, settings, grids: Vec::new() };
        for record in reader.records() {
            rows.add(&record?)?;
        }
        if rows.grids.is_empty() {
            return Err(Error::Empty);
        }
        let grids = rows.grids.into_iter().map(|grid| grid.finish(&header)).collect();
        Ok(Self { success: header.success, grids })
    }
}

impl Family {
    /// Settings as numbers in the order by which families are sorted.
    fn key(&self) -> FamilyKey {
        // Positive numbers sort as their bits do.
        let Self { activation, sigma_w2, sigma_b2, keep, width, weights } = *self;
        let is_orthogonal = weights == Weights::Orthogonal;
        let numbers = [sigma_w2, sigma_b2, keep].map(f64::to_bits);
        (numbers[0], activation.to_string(), numbers[1], numbers[2], width, is_orthogonal)
    }
}

/// Places of the columns.
struct Header {
    names: Vec<String>,
    places: BTreeMap<Column, usize>,
    success: Option<f64>,
}

impl Header {
    fn new(record: &StringRecord, settings: &TableSettings) -> Result<Self, Error> {
        let names: Vec<String> = record.iter().map(ToOwned::to_owned).collect();
        let mut places = BTreeMap::new();
        for column in Column::ALL {
            if let Some(place) = place(&names, column, settings)? {
                places.insert(column, place);
            }
        }
        let has = |column| places.contains_key(&column);
        let headers = || names.join(", ");
        for wanted in [Column::SigmaW2, Column::Depth] {
            if !has(wanted) {
                return Err(Error::MissingColumn { wanted, headers: headers() });
            }
        }
        let given = [
            (Column::Activation, settings.activation.is_some(), "--activation NAME"),
            (Column::SigmaB2, settings.sigma_b2.is_some(), "--sigma-b2 NUMBER"),
        ];
        for (column, is_given, option) in given {
            if !has(column) && !is_given {
                return Err(Error::NotGiven { column, option });
            }
        }
        let success = match (has(Column::Accuracy), has(Column::Success)) {
            (false, false) => return Err(Error::NoOutcome { headers: headers() }),
            (false, true) if settings.success_accuracy.is_some() => return Err(Error::NoAccuracy),
            (_, true) if settings.success_accuracy.is_none() => None,
            _ => Some(settings.success_accuracy.unwrap_or(Table::DEFAULT_SUCCESS)),
        };
        Ok(Self { names, places, success })
    }

    fn field<'a>(&self, record: &'a StringRecord, column: Column) -> Option<&'a str> {
        record.get(*self.places.get(&column)?)
    }
}

/// Place of `column` among the headers `names`.
fn place(
    names: &[String],
    column: Column,
    settings: &TableSettings,
) -> Result<Option<usize>, Error> {
    if let Some(given) = settings.columns.iter().rfind(|given| given.column == column) {
        let place = names.iter().position(|name| *name == given.header);
        let unknown = || Error::UnknownHeader {
            column,
            header: given.header.clone(),
            headers: names.join(", "),
        };
        return place.map(Some).ok_or_else(unknown);
    }
    let assigned = |name: &str| settings.columns.iter().any(|given| given.header == name);
    let is_it = |name: &str| {
        !assigned(name) && column.headers().iter().any(|header| header.eq_ignore_ascii_case(name))
    };
    let found: Vec<usize> = (0..names.len()).filter(|&index| is_it(&names[index])).collect();
    match found[..] {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        _ => {
            let headers: Vec<&str> = found.iter().map(|&index| names[index].as_str()).collect();
            Err(Error::Ambiguous { column, headers: headers.join(" and ") })
        }
    }
}

/// Rows read so far.
struct Rows<'a> {
    header: &'a Header,
    settings: &'a TableSettings,
    grids: Vec<RawGrid>,
}

/// Rows of one grid.
struct RawGrid {
    name: String,
    rows: Vec<RawRow>,
    /// Line of each network, to find repetitions.
    lines: BTreeMap<(FamilyKey, usize, usize), u64>,
    seeds: BTreeMap<String, usize>,
    /// Value of each column; `None` once two rows differ.
    facts: Vec<Option<String>>,
    diverged: usize,
}

type FamilyKey = (u64, String, u64, u64, Option<usize>, bool);

struct RawRow {
    family: Family,
    depth: usize,
    seed: usize,
    succeeded: bool,
}

/// Outcome of a row.
enum Ending {
    Succeeded,
    Failed,
    Diverged,
}

impl Rows<'_> {
    fn add(&mut self, record: &StringRecord) -> Result<(), Error> {
        let row = Row { record, header: self.header, settings: self.settings };
        let (family, depth, ending) = (row.family()?, row.depth()?, row.ending()?);
        let name = self.header.field(record, Column::Grid).unwrap_or_default();
        let found = self.grids.iter().position(|grid| grid.name == name);
        let index = found.unwrap_or_else(|| {
            self.grids.push(RawGrid::new(name, record));
            self.grids.len() - 1
        });
        let grid = &mut self.grids[index];
        let label = self.header.field(record, Column::Seed).unwrap_or_default();
        let next = grid.seeds.len();
        let seed = *grid.seeds.entry(label.to_owned()).or_insert(next);
        let line = row.line();
        if let Some(first) = grid.lines.insert((family.key(), depth, seed), line) {
            return Err(Error::Repeated { first, line });
        }
        for (fact, value) in grid.facts.iter_mut().zip(record) {
            fact.take_if(|fact| fact != value);
        }
        grid.diverged += usize::from(matches!(ending, Ending::Diverged));
        let succeeded = matches!(ending, Ending::Succeeded);
        grid.rows.push(RawRow { family, depth, seed, succeeded });
        Ok(())
    }
}

impl RawGrid {
    fn new(name: &str, first: &StringRecord) -> Self {
        Self {
            name: name.to_owned(),
            rows: Vec::new(),
            lines: BTreeMap::new(),
            seeds: BTreeMap::new(),
            facts: first.iter().map(|value| Some(value.to_owned())).collect(),
            diverged: 0,
        }
    }

    fn finish(self, header: &Header) -> Grid {
        let mut families: Vec<Family> = self.rows.iter().map(|row| row.family).collect();
        families.sort_by_key(Family::key);
        families.dedup_by_key(|family| family.key());
        let network = |row: &RawRow| {
            let key = row.family.key();
            let family = families.partition_point(|family| family.key() < key);
            Network { family, depth: row.depth, seed: row.seed, succeeded: row.succeeded }
        };
        let networks = self.rows.iter().map(network).collect();
        // The law of the weights stays a fact: it is seldom the same in all grids.
        let places = || header.places.iter().filter(|(column, _)| **column != Column::Weights);
        let used = |place: usize| places().any(|(_, used)| *used == place);
        let facts = header.names.iter().zip(self.facts).enumerate();
        let facts = facts.filter(|(place, _)| !used(*place));
        let facts = facts.filter_map(|(_, (name, value))| Some((name.clone(), value?)));
        let facts = facts.filter(|(_, value)| !value.is_empty()).collect();
        Grid { name: self.name, facts, families, networks, diverged: self.diverged }
    }
}

/// One row with the places of its columns.
struct Row<'a> {
    record: &'a StringRecord,
    header: &'a Header,
    settings: &'a TableSettings,
}

impl Row<'_> {
    fn line(&self) -> u64 {
        self.record.position().map_or(0, csv::Position::line)
    }

    fn error(&self, column: Column, value: &str, allowed: &'static str) -> Error {
        Error::Value { line: self.line(), column, value: value.to_owned(), allowed }
    }

    /// Value of a column that the table has, if `parse` accepts it.
    fn value<T>(
        &self,
        column: Column,
        allowed: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        let Some(text) = self.header.field(self.record, column) else { return Ok(None) };
        parse(text).map(Some).ok_or_else(|| self.error(column, text, allowed))
    }

    /// Value of a column that the table must have.
    fn required<T>(
        &self,
        column: Column,
        allowed: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<T, Error> {
        self.value(column, allowed, parse)?.ok_or_else(|| self.error(column, "", allowed))
    }

    fn family(&self) -> Result<Family, Error> {
        let activation = self.value(Column::Activation, "the name of an activation", |text| {
            text.to_ascii_lowercase().parse().ok()
        })?;
        let sigma_b2 =
            self.value(Column::SigmaB2, "a number from 0 to 1e30", |text| number(text, 0.0, 1e30))?;
        let keep = self
            .value(Column::Keep, "a probability from 1e-6 to 1", |text| number(text, 1e-6, 1.0))?;
        Ok(Family {
            activation: activation
                .or(self.settings.activation)
                .ok_or_else(|| self.error(Column::Activation, "", "given"))?,
            sigma_w2: self.required(Column::SigmaW2, "a number from 1e-20 to 1e20", |text| {
                number(text, 1e-20, 1e20)
            })?,
            sigma_b2: sigma_b2
                .or(self.settings.sigma_b2)
                .ok_or_else(|| self.error(Column::SigmaB2, "", "given"))?,
            keep: keep.unwrap_or(1.0),
            width: self
                .value(Column::Width, "a whole number from 1 to 1000000", whole)?
                .or(self.settings.width),
            weights: self
                .value(
                    Column::Weights,
                    "gaussian, normal, orthogonal or delta-orthogonal",
                    weights,
                )?
                .unwrap_or_default(),
        })
    }

    fn depth(&self) -> Result<usize, Error> {
        self.required(Column::Depth, "a whole number from 1 to 1000000", whole)
    }

    fn ending(&self) -> Result<Ending, Error> {
        let ended = |succeeded| if succeeded { Ending::Succeeded } else { Ending::Failed };
        let Some(success) = self.header.success else {
            let allowed = "1, 0, true, false, yes or no";
            return self.required(Column::Success, allowed, flag).map(ended);
        };
        let allowed = "an accuracy from 0 to 1 (divide percentages by 100), or nan for a training that diverged";
        let accuracy = self.required(Column::Accuracy, allowed, |text| {
            if text.eq_ignore_ascii_case("nan") {
                return Some(f64::NAN);
            }
            number(text, 0.0, 1.0)
        })?;
        Ok(if accuracy.is_nan() { Ending::Diverged } else { ended(accuracy >= success) })
    }
}

fn number(text: &str, low: f64, high: f64) -> Option<f64> {
    // Adding zero removes the sign of a negative zero.
    text.parse::<f64>().ok().filter(|number| (low..=high).contains(number)).map(|x| x + 0.0)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a whole number in range"
)]
fn whole(text: &str) -> Option<usize> {
    number(text, 1.0, 1e6).filter(|number| number.fract() <= 0.0).map(|number| number as usize)
}

fn weights(text: &str) -> Option<Weights> {
    match text.to_ascii_lowercase().as_str() {
        "gaussian" | "normal" => Some(Weights::Gaussian),
        "orthogonal" | "delta-orthogonal" => Some(Weights::Orthogonal),
        _ => None,
    }
}

fn flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" => Some(true),
        "0" | "false" | "no" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> TableSettings {
        TableSettings {
            activation: Some(Activation::Tanh),
            sigma_b2: Some(0.05),
            ..TableSettings::default()
        }
    }

    fn read(text: &str) -> Result<Table, Error> {
        Table::read(text, &settings())
    }

    #[track_caller]
    fn check_error(text: &str, words: &[&str]) {
        let error = read(text).unwrap_err().to_string();
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
    }

    const TWO: &str = "\u{feff}grid,data,keep_prob,sigma_w2,depth,train_accuracy\n\
        a, mnist, 0.98, 2.0, 10, 0.5\na, mnist, 0.98, 1.0, 20, 0.49\n\
        # a comment\nb, cifar, 1, 1.0, 10.0, nan\nb, mnist, 1, 1.0, 20, 1\n";

    #[test]
    fn grids_are_apart_and_families_sorted() {
        let table = read(TWO).unwrap();
        assert_eq!((table.success, table.grids.len()), (Some(0.5), 2));
        let [a, b] = &table.grids[..] else { panic!("two grids") };
        assert_eq!(a.facts, [("data".to_owned(), "mnist".to_owned())]);
        assert_eq!((b.facts.len(), b.diverged), (0, 1));
        let family = |sigma_w2, keep| Family {
            activation: Activation::Tanh,
            sigma_w2,
            sigma_b2: 0.05,
            keep,
            width: None,
            weights: Weights::Gaussian,
        };
        assert_eq!(a.families, [family(1.0, 0.98), family(2.0, 0.98)]);
        let network = |family, depth, succeeded| Network { family, depth, seed: 0, succeeded };
        assert_eq!(a.networks, [network(1, 10, true), network(0, 20, false)]);
        assert_eq!(b.networks, [network(0, 10, false), network(0, 20, true)]);
    }

    #[test]
    fn settings_give_headers_and_success() {
        let text = "w,depth,loss,acc,activation,sigma_b2,seed\n1,3,0.1,0.6,relu,0,x\n1,3,0.1,0.9,relu,0,y\n";
        let columns = ["sigma_w2=w", "accuracy=acc"].map(|text| text.parse().unwrap()).to_vec();
        let given = TableSettings { columns, success_accuracy: Some(0.8), ..settings() };
        let grid = &Table::read(text, &given).unwrap().grids[0];
        assert_eq!(grid.families[0].activation, Activation::Relu);
        let found: Vec<_> = grid.networks.iter().map(|one| (one.seed, one.succeeded)).collect();
        assert_eq!(found, [(0, false), (1, true)]);
    }

    #[test]
    fn widths_and_laws_of_weights_belong_to_families() {
        let text = "sigma_w2,depth,accuracy,weights\n1,3,1,Gaussian\n1,3,0,orthogonal\n";
        let given = TableSettings { width: Some(400), ..settings() };
        let grid = Table::read(text, &given).unwrap().grids.remove(0);
        let found: Vec<_> = grid.families.iter().map(|one| (one.width, one.weights)).collect();
        assert_eq!(found, [(Some(400), Weights::Gaussian), (Some(400), Weights::Orthogonal)]);
        // A column counts before the setting for all rows.
        let text = "sigma_w2,depth,accuracy,width,weights\n1,3,1,50,orthogonal\n";
        let grid = Table::read(text, &given).unwrap().grids.remove(0);
        assert_eq!(grid.families[0].width, Some(50));
        assert_eq!(grid.facts, [("weights".to_owned(), "orthogonal".to_owned())]);
        check_error("sigma_w2,depth,accuracy,weights\n1,3,1,7850\n", &["weights is \"7850\""]);
    }

    #[test]
    fn outcomes_may_be_successes() {
        let text = "sigma_w2,depth,success,accuracy\n1,3,no,0.9\n1,4,TRUE,0.1\n";
        let table = read(text).unwrap();
        assert_eq!(table.success, None);
        assert!(!table.grids[0].networks[0].succeeded && table.grids[0].networks[1].succeeded);
        // An accuracy on the command line decides instead.
        let by_accuracy = TableSettings { success_accuracy: Some(0.5), ..settings() };
        let table = Table::read(text, &by_accuracy).unwrap();
        assert!(table.grids[0].networks[0].succeeded);
        let error = Table::read("sigma_w2,depth,success\n1,3,1\n", &by_accuracy).unwrap_err();
        assert!(matches!(error, Error::NoAccuracy));
    }

    #[test]
    fn errors_name_columns() {
        check_error("depth,accuracy\n1,1\n", &["no column sigma_w2", "weight_variance"]);
        check_error("sigma_w2,depth,x\n1,1,1\n", &["no column accuracy", "headers are sigma_w2"]);
        let two = "sigma_w2,depth,test_accuracy,train_accuracy\n1,2,1,1\n";
        check_error(two, &["test_accuracy and train_accuracy", "--column accuracy="]);
        check_error("sigma_w2,depth,accuracy\n", &["no line below"]);
        let unknown = TableSettings { columns: vec!["depth=L".parse().unwrap()], ..settings() };
        let error = Table::read("sigma_w2,depth,accuracy\n1,2,1\n", &unknown).unwrap_err();
        assert!(error.to_string().contains("no column \"L\""), "{error}");
        let error = Table::read("sigma_w2,depth,accuracy\n1,2,1\n", &TableSettings::default());
        assert!(error.unwrap_err().to_string().contains("--activation NAME"));
    }

    #[test]
    fn errors_name_lines_and_values() {
        let table = |row: &str| format!("sigma_w2,depth,accuracy,keep\n1,2,1,1\n{row}\n");
        check_error(&table("1,3,93.4,1"), &["line 3", "accuracy is \"93.4\"", "percentages"]);
        check_error(&table("0,3,1,1"), &["sigma_w2 is \"0\""]);
        check_error(&table("1,2.5,1,1"), &["depth is \"2.5\"", "whole"]);
        check_error(&table("1,3,1,0"), &["keep is \"0\"", "probability"]);
        check_error(&table("1,2,0,1"), &["lines 2 and 3", "column seed"]);
        check_error(&table("1,3,,1"), &["accuracy is \"\""]);
        assert!(matches!(read(&table("1,3")), Err(Error::Csv(_))));
    }
}
