//! The checked `[train]` table: the grid of trainings.

use isobath_architecture::{Initialisation, NetworkSpec, Scheme, Variances};
use isobath_tensor::Optimizer;
use isobath_trainer::TrainValidParams;

use super::{Cell, ExperimentFile, FileError, TrainSection, Variant, variant};
use crate::TrainingId;

/// The trainings of a checked experiment.
#[derive(Clone, Debug)]
pub struct TrainPlan {
    /// The `[train]` table with all defaults filled in.
    pub section: TrainSection,
    /// Depths of the training grid, in increasing order.
    pub depths: Vec<usize>,
    /// Initialisation of each variant.
    pub schemes: Vec<Scheme>,
    /// Networks of each variant, one per depth.
    pub networks: Vec<Vec<NetworkSpec>>,
    /// Training recipes; each applies to every network.
    pub recipes: Vec<Recipe>,
    /// Number of training samples; `None` if the dataset does not define it.
    pub train_samples: Option<usize>,
    /// Number of test samples.
    pub test_samples: usize,
    /// All trainings of the grid, ordered by recipe, variant, `sigma_b2`, `sigma_w2`, initialisation and depth.
    pub trainings: Vec<TrainCell>,
}

/// A training recipe: named training settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    /// Name, such as `sgd 0.001`.
    pub name: String,
    /// Settings.
    pub params: TrainValidParams,
}

/// A training, ready to run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrainCell {
    /// The training's identity.
    pub id: TrainingId,
    /// Index of its depth in [`TrainPlan::depths`].
    pub depth_index: usize,
    /// Variances of the initialisation.
    pub variances: Variances,
    /// Seed of the network and of the sample order. It is the seed of the cascade's cell, so that both networks share their
    /// layers if widths do not depend on depth.
    pub seed: u64,
}

/// Default number of test samples.
const TEST_SAMPLES: usize = 1000;

impl TrainPlan {
    /// Checks the `[train]` table of `file` and fills in its defaults; `None` without the table.
    ///
    /// `shape` is the number of inputs and of classes. `cells` are the cells of the grid. `available` is the number of training
    /// samples and of held-out samples in the dataset, if known.
    ///
    /// # Errors
    /// [`FileError::Invalid`] with the setting, its value and the allowed range.
    pub(super) fn new(
        file: &mut ExperimentFile,
        shape: [usize; 2],
        variants: &[Variant],
        cells: &[Cell],
        available: Option<[usize; 2]>,
    ) -> Result<Option<Self>, FileError> {
        let (data, grid_seeds) = (file.data.clone(), file.grid.seeds);
        let Some(section) = &mut file.train else { return Ok(None) };
        let reject = |message: String| Err(FileError::invalid("train", message));
        let depths = section.depths.expand(file.network.depth)?;
        let networks = variants.iter().map(|variant| networks(variant, &depths, shape));
        let networks = networks.collect::<Result<_, _>>()?;
        let recipes = recipes(section)?;
        let seeds = *section.seeds.get_or_insert(grid_seeds);
        if seeds == 0 || seeds > grid_seeds {
            return reject(format!(
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
            ("train", train_samples, available.map(|[most, _]| most), "training samples"),
            ("test", Some(test_samples), held_out, "held-out samples besides the probe samples"),
        ];
        for (name, count, most, what) in counts {
            let Some(count) = count else { continue };
            let most = most.unwrap_or(isobath_datasets::MAX_GENERATED - data.probe);
            let least = if name == "train" { 2 } else { 1 };
            if count < least || count > most {
                let dataset = data.dataset;
                return reject(format!(
                    "{name} = {count} must be {least} to {most}, the number of {what} of {dataset}"
                ));
            }
        }
        let section = section.clone();
        let trainings = trainings(cells, &depths, seeds, recipes.len())?;
        Ok(Some(Self {
            section,
            depths,
            schemes: variants.iter().map(|variant| variant.scheme.clone()).collect(),
            networks,
            recipes,
            train_samples,
            test_samples,
            trainings,
        }))
    }

    /// Network of a training.
    pub fn network(&self, cell: &TrainCell) -> &NetworkSpec {
        &self.networks[cell.id.point.variant][cell.depth_index]
    }

    /// Initialisation of a training.
    pub fn initialisation(&self, cell: &TrainCell) -> Initialisation {
        variant::initialisation(&self.schemes[cell.id.point.variant], cell.id.point)
    }

    /// Recipe of a training.
    pub fn recipe(&self, cell: &TrainCell) -> &Recipe {
        &self.recipes[cell.id.recipe]
    }
}

fn networks(
    variant: &Variant,
    depths: &[usize],
    shape: [usize; 2],
) -> Result<Vec<NetworkSpec>, FileError> {
    let network = |&depth: &usize| {
        let explain = |error| FileError::invalid("train", format!("depths: {depth}: {error}"));
        variant.with_depth(depth, shape).map_err(explain)
    };
    depths.iter().map(network).collect()
}

fn recipes(section: &TrainSection) -> Result<Vec<Recipe>, FileError> {
    let reject = |message: String| FileError::invalid("train", message);
    let mut recipes: Vec<Recipe> = Vec::new();
    // Check the success rule also if trainings continue after success.
    let rule = TrainSection { stop_at_success: true, ..section.clone() };
    for &optimizer in section.optimizer.as_slice() {
        for section in [&rule, section] {
            let checked = section.params(optimizer).check();
            checked.map_err(|error| reject(without_table(&error.to_string()).to_owned()))?;
        }
        let name = name(optimizer);
        if recipes.iter().any(|recipe| recipe.name == name) {
            return Err(reject(format!("optimizer lists `{name}` twice")));
        }
        let params = section.params(optimizer).check();
        let params = params.map_err(|error| reject(error.to_string()))?;
        recipes.push(Recipe { name, params });
    }
    if recipes.is_empty() {
        return Err(reject("optimizer lists none; give at least one".to_owned()));
    }
    Ok(recipes)
}

/// Removes the table's name from the start of a trainer message.
fn without_table(message: &str) -> &str {
    message.strip_prefix("train ").unwrap_or(message)
}

/// Short name of an optimiser: kind, learning rate and settings other than the defaults.
fn name(optimizer: Optimizer) -> String {
    let if_not_default = |name: &str, value: f32, default: f32| {
        let differs = value.to_bits() != default.to_bits();
        if differs { format!(" {name} {value}") } else { String::new() }
    };
    match (optimizer, Optimizer::rmsprop(1.0), Optimizer::adam(1.0)) {
        (Optimizer::Sgd { lr, momentum }, ..) => {
            format!("sgd {lr}{}", if_not_default("momentum", momentum, 0.0))
        }
        (
            Optimizer::RmsProp { lr, alpha, eps },
            Optimizer::RmsProp { alpha: default_alpha, eps: default_eps, .. },
            _,
        ) => {
            let (alpha, eps) = (
                if_not_default("alpha", alpha, default_alpha),
                if_not_default("eps", eps, default_eps),
            );
            format!("rmsprop {lr}{alpha}{eps}")
        }
        (
            Optimizer::Adam { lr, beta1, beta2, eps },
            _,
            Optimizer::Adam {
                beta1: default_beta1, beta2: default_beta2, eps: default_eps, ..
            },
        ) => {
            let first = if_not_default("beta1", beta1, default_beta1);
            let second = if_not_default("beta2", beta2, default_beta2);
            format!("adam {lr}{first}{second}{}", if_not_default("eps", eps, default_eps))
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
    /// Maximum number of trainings; a larger number is a typing error.
    const MOST: usize = 1_000_000;
    let count = cells.len().saturating_mul(depths.len()).saturating_mul(recipes);
    if count > MOST {
        let message = format!("{count} trainings; use at most {MOST}");
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
    fn trainings_share_seeds_and_first_layers_with_the_cascade() {
        let plan = plan("seeds = 2").unwrap();
        let train = plan.train.as_ref().unwrap();
        for training in &train.trainings {
            let id = training.id;
            let matches =
                |cell: &&Cell| cell.id.seed_index == id.seed_index && cell.id.point == id.point;
            let cell = plan.cells.iter().find(matches).unwrap();
            let network = |spec: &NetworkSpec, seed| {
                isobath_network::Network::random(spec.clone(), training.variances, seed)
            };
            let cascade_network = network(&plan.variants[0].network, cell.seed);
            let trained = network(train.network(training), training.seed);
            for layer in 0..id.depth - 1 {
                assert_eq!(cascade_network.parameters(layer), trained.parameters(layer));
            }
        }
    }

    #[test]
    fn recipe_names_list_settings_other_than_defaults() {
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
    fn invalid_settings_are_rejected() {
        for (settings, message) in [
            ("seeds = 4", "[train] seeds = 4 must be 1 to 3"),
            ("seeds = 0", "seeds = 0"),
            ("test = 0", "test = 0 must be 1 to"),
            ("train = 20000000", "train = 20000000 must be 2 to"),
            ("epochs = 0", "[train] epochs = 0 must be 1 to 1,000,000"),
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
    fn success_is_checked_even_without_stopping() {
        let text = "stop_at_success = false\n";
        assert!(plan(text).is_ok());
        let mut file = plan(text).unwrap().file;
        file.train.as_mut().unwrap().success.accuracy = 80.0;
        let error = Plan::new(file).expect_err("80").to_string();
        assert!(error.contains("success.accuracy = 80"), "{error}");
    }

    #[test]
    fn plan_without_train_table_has_no_trainings() {
        let mut file = plan("").unwrap().file;
        file.train = None;
        let plan = Plan::new(file).unwrap();
        assert!(plan.train.is_none() && !plan.resolved_toml().contains("[train"));
    }
}
