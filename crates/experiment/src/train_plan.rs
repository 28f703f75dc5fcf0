//! The `[train]` table, checked: every training there may be.

use isobath_architecture::{NetworkSpec, Variances};
use isobath_tensor::Optimizer;
use isobath_trainer::TrainValidParams;

use super::{Cell, ExperimentFile, FileError, NetworkSection, TrainSection};
use crate::TrainingId;

/// The ground truth of a checked experiment.
#[derive(Clone, Debug)]
pub struct TrainPlan {
    /// The table, every default filled in.
    pub section: TrainSection,
    /// The depths that may be trained, rising.
    pub depths: Vec<usize>,
    /// The network of each of them.
    pub networks: Vec<NetworkSpec>,
    /// The ways in which each network is trained.
    pub recipes: Vec<Recipe>,
    /// Samples to learn from, `None` where the dataset does not say how many it has.
    pub train_samples: Option<usize>,
    /// Samples that accuracy is measured on.
    pub test_samples: usize,
    /// All trainings there may be: by recipe, `sigma_b2`, `sigma_w2`, initialisation and depth.
    pub trainings: Vec<TrainCell>,
}

/// A way to train.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    /// Its name: `sgd 0.001`.
    pub name: String,
    /// Its settings.
    pub params: TrainValidParams,
}

/// A training, ready to run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrainCell {
    /// Which.
    pub id: TrainingId,
    /// Position of its depth among [`TrainPlan::depths`].
    pub depth_index: usize,
    /// Its variances.
    pub variances: Variances,
    /// Seed of its network and of the order of its samples: the one of the cell that the cascade looks at, so that the
    /// networks are the same where widths do not depend on depth.
    pub seed: u64,
}

/// Samples that accuracy is measured on unless the file says how many.
const TEST_SAMPLES: usize = 1000;

impl TrainPlan {
    /// Checks the `[train]` table of `file`, if it has one, and fills in its defaults. `shape` is the number of inputs and
    /// of classes, `cells` are those of the grid, `available` the samples to learn from and those held out that the
    /// dataset has, where it says so.
    ///
    /// # Errors
    /// [`FileError::Invalid`] naming the setting, its value and what is allowed.
    pub(super) fn new(
        file: &mut ExperimentFile,
        shape: [usize; 2],
        cells: &[Cell],
        available: Option<[usize; 2]>,
    ) -> Result<Option<Self>, FileError> {
        let (data, grid_seeds) = (file.data.clone(), file.grid.seeds);
        let Some(section) = &mut file.train else { return Ok(None) };
        let refuse = |message: String| Err(FileError::invalid("train", message));
        let depths = section.depths.expand(file.network.depth)?;
        let networks = networks(&file.network, &depths, shape)?;
        let recipes = recipes(section)?;
        let seeds = *section.seeds.get_or_insert(grid_seeds);
        if seeds == 0 || seeds > grid_seeds {
            return refuse(format!(
                "seeds = {seeds} must be 1 to {grid_seeds}, the seeds of [grid]"
            ));
        }
        let [train, test] = [section.train, section.test];
        let held_out = available.map(|[_, held_out]| held_out.saturating_sub(data.probe));
        let default_test = held_out.map_or(TEST_SAMPLES, |most| most.min(TEST_SAMPLES));
        let test_samples = *section.test.insert(test.unwrap_or(default_test));
        let train_samples = train.or(data.train).or(available.map(|[train, _]| train));
        section.train = train_samples;
        let counts = [
            ("train", train_samples, available.map(|[most, _]| most), "samples to learn from"),
            ("test", Some(test_samples), held_out, "held-out samples beside the probe samples"),
        ];
        for (name, count, most, what) in counts {
            let Some(count) = count else { continue };
            let most = most.unwrap_or(isobath_datasets::MAX_GENERATED - data.probe);
            if count == 0 || count > most {
                let dataset = data.dataset;
                return refuse(format!(
                    "{name} = {count} must be 1 to {most}: {dataset} has so many {what}"
                ));
            }
        }
        let section = section.clone();
        let trainings = trainings(cells, &depths, seeds, recipes.len())?;
        Ok(Some(Self {
            section,
            depths,
            networks,
            recipes,
            train_samples,
            test_samples,
            trainings,
        }))
    }

    /// The network of a training.
    pub fn network(&self, cell: &TrainCell) -> &NetworkSpec {
        &self.networks[cell.depth_index]
    }

    /// The way in which a training goes.
    pub fn recipe(&self, cell: &TrainCell) -> &Recipe {
        &self.recipes[cell.id.recipe]
    }
}

fn networks(
    section: &NetworkSection,
    depths: &[usize],
    [inputs, classes]: [usize; 2],
) -> Result<Vec<NetworkSpec>, FileError> {
    let network = |&depth: &usize| {
        let checked = NetworkSection { depth, ..section.clone() }.params().check(inputs, classes);
        let explain = |error| FileError::invalid("train", format!("depths: {depth}: {error}"));
        checked.map(|params| params.spec()).map_err(explain)
    };
    depths.iter().map(network).collect()
}

fn recipes(section: &TrainSection) -> Result<Vec<Recipe>, FileError> {
    let refuse = |message: String| FileError::invalid("train", message);
    let mut recipes: Vec<Recipe> = Vec::new();
    // The success rule is checked also where trainings go on after it.
    let rule = TrainSection { stop_at_success: true, ..section.clone() };
    for &optimizer in section.optimizer.as_slice() {
        for section in [&rule, section] {
            let checked = section.params(optimizer).check();
            checked.map_err(|error| refuse(without_table(&error.to_string()).to_owned()))?;
        }
        let name = name(optimizer);
        if recipes.iter().any(|recipe| recipe.name == name) {
            return Err(refuse(format!("optimizer lists `{name}` twice")));
        }
        let params = section.params(optimizer).check();
        let params = params.map_err(|error| refuse(error.to_string()))?;
        recipes.push(Recipe { name, params });
    }
    if recipes.is_empty() {
        return Err(refuse("optimizer lists none".to_owned()));
    }
    Ok(recipes)
}

/// The trainer begins its messages with the table's name.
fn without_table(message: &str) -> &str {
    message.strip_prefix("train ").unwrap_or(message)
}

/// An optimiser in a few words; what is at its default is left out.
fn name(optimizer: Optimizer) -> String {
    let unlike = |name: &str, value: f32, default: f32| {
        let differs = value.to_bits() != default.to_bits();
        if differs { format!(" {name} {value}") } else { String::new() }
    };
    match (optimizer, Optimizer::rmsprop(1.0), Optimizer::adam(1.0)) {
        (Optimizer::Sgd { lr, momentum }, ..) => {
            format!("sgd {lr}{}", unlike("momentum", momentum, 0.0))
        }
        (
            Optimizer::RmsProp { lr, alpha, eps },
            Optimizer::RmsProp { alpha: usual_alpha, eps: usual_eps, .. },
            _,
        ) => {
            let (alpha, eps) = (unlike("alpha", alpha, usual_alpha), unlike("eps", eps, usual_eps));
            format!("rmsprop {lr}{alpha}{eps}")
        }
        (
            Optimizer::Adam { lr, beta1, beta2, eps },
            _,
            Optimizer::Adam { beta1: usual_beta1, beta2: usual_beta2, eps: usual_eps, .. },
        ) => {
            let first = unlike("beta1", beta1, usual_beta1);
            let second = unlike("beta2", beta2, usual_beta2);
            format!("adam {lr}{first}{second}{}", unlike("eps", eps, usual_eps))
        }
        (other, ..) => format!("{other:?}"),
    }
}

fn trainings(
    cells: &[Cell],
    depths: &[usize],
    seeds: usize,
    recipes: usize,
) -> Result<Vec<TrainCell>, FileError> {
    /// Enough for any chart; more is a slip of the pen.
    const MOST: usize = 1_000_000;
    let count = cells.len().saturating_mul(depths.len()).saturating_mul(recipes);
    if count > MOST {
        let message = format!("{count} trainings; {MOST} are the most");
        return Err(FileError::invalid("train", message));
    }
    let mut trainings = Vec::new();
    for recipe in 0..recipes {
        for Cell { id, variances, seed } in cells.iter().filter(|cell| cell.id.seed_index < seeds) {
            trainings.extend(depths.iter().enumerate().map(|(depth_index, &depth)| TrainCell {
                id: TrainingId { point: id.point, seed_index: id.seed_index, depth, recipe },
                depth_index,
                variances: *variances,
                seed: *seed,
            }));
        }
    }
    Ok(trainings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Plan, read_text};

    fn plan(settings: &str) -> Result<Plan, FileError> {
        let text = format!(
            "name = \"x\"\n[data]\ndataset = \"digits\"\nprobe = 10\n[network]\ndepth = 9\nwidth = 20\n\
             [grid]\nsigma_w2 = [1.0, 2.0]\nseeds = 3\n\
             [train]\ndepths = [3, 6]\nsuccess = {{ accuracy = 0.8 }}\n{settings}"
        );
        Plan::new(read_text(&text, "test", &[])?)
    }

    #[test]
    fn defaults_are_filled_in() {
        let plan = plan("").unwrap();
        let train = plan.train.as_ref().unwrap();
        let counts = (train.section.seeds, train.section.train, train.section.test);
        assert_eq!(counts, (Some(3), Some(10_000), Some(1000)));
        assert_eq!(train.recipes[0].name, "sgd 0.001");
        assert_eq!(train.trainings.len(), 2 * 3 * 2);
        let again = Plan::new(read_text(&plan.resolved_toml(), "resolved", &[]).unwrap()).unwrap();
        assert_eq!(again.file, plan.file);
        assert_eq!(again.run_name(), plan.run_name());
    }

    #[test]
    fn trainings_have_the_seeds_and_first_layers_of_the_cascades_networks() {
        let plan = plan("seeds = 2").unwrap();
        let train = plan.train.as_ref().unwrap();
        for training in &train.trainings {
            let id = training.id;
            let is_its = |cell: &&Cell| {
                let of = cell.id;
                of.seed_index == id.seed_index && of.point == id.point
            };
            let cell = plan.cells.iter().find(is_its).unwrap();
            let network = |spec: &NetworkSpec, seed| {
                isobath_network::Network::random(spec.clone(), training.variances, seed)
            };
            let looked_at = network(&plan.network, cell.seed);
            let trained = network(train.network(training), training.seed);
            for layer in 0..id.depth - 1 {
                assert_eq!(looked_at.parameters(layer), trained.parameters(layer));
            }
        }
    }

    #[test]
    fn recipes_are_named_after_what_differs() {
        let settings = "optimizer = [{ kind = \"sgd\", lr = 0.1, momentum = 0.5 }, { kind = \"adam\" }, \
                        { kind = \"adam\", beta1 = 0.5 }, { kind = \"rmsprop\" }]";
        let plan = plan(settings).unwrap();
        let train = plan.train.unwrap();
        let names: Vec<_> = train.recipes.iter().map(|recipe| recipe.name.as_str()).collect();
        assert_eq!(
            names,
            ["sgd 0.1 momentum 0.5", "adam 0.001", "adam 0.001 beta1 0.5", "rmsprop 0.01"]
        );
        assert_eq!(train.trainings.len(), 4 * 2 * 3 * 2);
    }

    #[test]
    fn impossible_settings_are_refused() {
        for (settings, message) in [
            ("seeds = 4", "[train] seeds = 4 must be 1 to 3"),
            ("seeds = 0", "seeds = 0"),
            ("test = 0", "test = 0 must be 1 to"),
            ("train = 20000000", "train = 20000000 must be 1 to"),
            ("epochs = 0", "[train] epochs = 0 must be at least 1"),
            ("optimizer = []", "optimizer lists none"),
            ("optimizer = [{ kind = \"adam\" }, { kind = \"adam\" }]", "lists `adam 0.001` twice"),
        ] {
            let error = plan(settings).expect_err(settings).to_string();
            assert!(error.contains(message), "{error}");
        }
        let error = plan("epoch = 3").expect_err("unknown").to_string();
        assert!(error.contains("did you mean `epochs`?"), "{error}");
    }

    #[test]
    fn success_is_checked_also_where_training_goes_on() {
        let text = "stop_at_success = false\n";
        assert!(plan(text).is_ok());
        let mut file = plan(text).unwrap().file;
        file.train.as_mut().unwrap().success.accuracy = 80.0;
        let error = Plan::new(file).expect_err("80").to_string();
        assert!(error.contains("success.accuracy = 80"), "{error}");
    }

    #[test]
    fn a_table_alone_changes_nothing_else() {
        let mut file = plan("").unwrap().file;
        file.train = None;
        let plan = Plan::new(file).unwrap();
        assert!(plan.train.is_none() && !plan.resolved_toml().contains("[train"));
    }
}
