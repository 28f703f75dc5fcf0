//! The checked `[train]` table: the grid of trainings.

use std::fmt::Write;

use isobath_architecture::{Initialisation, NetworkSpec, Scheme, Variances};
use isobath_tensor::Optimizer;
use isobath_trainer::TrainValidParams;

use super::{
    Cell, Depths, Ends, ExperimentFile, FileError, NetworkKind, TrainSection, Variant, variant,
};
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
    /// `ends` are those of the networks. `cells` are the cells of the grid. `available` is the number of training
    /// samples and of held-out samples in the dataset, if known.
    ///
    /// # Errors
    /// [`FileError::Invalid`] with the setting, its value and the allowed range.
    pub(super) fn new(
        file: &mut ExperimentFile,
        ends: Ends,
        variants: &[Variant],
        cells: &[Cell],
        available: Option<[usize; 2]>,
    ) -> Result<Option<Self>, FileError> {
        let (data, grid_seeds) = (file.data.clone(), file.grid.seeds);
        let Some(section) = &mut file.train else { return Ok(None) };
        let reject = |message: String| Err(FileError::invalid("train", message));
        let depths = expand(section, variants)?;
        let networks = variants.iter().map(|variant| networks(variant, &depths, ends));
        let networks = networks.collect::<Result<_, _>>()?;
        let recipes = recipes(section)?;
        check_success(section, ends.classes)?;
        check_ridge_noise(section)?;
        let seeds = *section.seeds.get_or_insert(grid_seeds);
        if seeds == 0 || seeds > grid_seeds {
            return reject(format!(
                "seeds = {seeds} must be 1 to {grid_seeds}, the seeds of [grid]"
            ));
        }
        let [train, test] = [section.train, section.test];
        let held_out = available.map(|[_, held_out]| held_out.saturating_sub(data.probe()));
        let default_test = held_out.map_or(TEST_SAMPLES, |most| most.min(TEST_SAMPLES));
        let test_samples = *section.test.insert(test.unwrap_or(default_test));
        let train_samples = train.or(data.train).or(available.map(|[train, _]| train));
        section.train = train_samples;
        let besides = format!("held-out samples besides the {} probe samples", data.probe());
        let counts = [
            ("train", train_samples, available.map(|[most, _]| most), "training samples"),
            ("test", Some(test_samples), held_out, besides.as_str()),
        ];
        for (name, count, most, what) in counts {
            let Some(count) = count else { continue };
            let most = most.unwrap_or(isobath_datasets::MAX_GENERATED - data.probe());
            let least = if name == "train" { 2 } else { 1 };
            if most < least {
                return reject(format!(
                    "{} has no {what}; give fewer probe samples in [data], or more data",
                    data.dataset
                ));
            }
            if count < least || count > most {
                let dataset = &data.dataset;
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

/// Depths of the grid. A list of layers has only its own, which is its default.
fn expand(section: &mut TrainSection, variants: &[Variant]) -> Result<Vec<usize>, FileError> {
    let deepest = variants.iter().map(|variant| variant.network.stages()).max().unwrap_or(0);
    let is_list = variants.first().is_some_and(|one| one.section.kind == NetworkKind::Layers);
    if is_list {
        section.depths.get_or_insert(Depths::One(deepest));
    }
    let Some(depths) = &section.depths else {
        let message = format!(
            "depths is missing; give the depths to train, such as depths = [{}, {deepest}]",
            deepest.div_ceil(2)
        );
        return Err(FileError::invalid("train", message));
    };
    let depths = depths.expand(deepest);
    match &depths {
        Ok(depths) if is_list && depths == &[deepest] => {}
        Ok(_) | Err(_) if is_list => {
            let message = format!(
                "depths: a list of layers has one depth; write depths = {deepest}, or use another kind of network"
            );
            return Err(FileError::invalid("train", message));
        }
        Ok(_) | Err(_) => {}
    }
    depths
}

fn networks(
    variant: &Variant,
    depths: &[usize],
    ends: Ends,
) -> Result<Vec<NetworkSpec>, FileError> {
    let network = |&depth: &usize| {
        let explain = |error: FileError| {
            let reason = error.to_string();
            let reason = reason.strip_prefix("[network] ").unwrap_or(&reason);
            FileError::invalid("train", format!("depths: {depth}: {reason}"))
        };
        variant.with_depth(depth, ends).map_err(explain)
    };
    depths.iter().map(network).collect()
}

/// Rejects noises that are no standard deviations, or that are given twice.
fn check_ridge_noise(section: &TrainSection) -> Result<(), FileError> {
    for (index, noise) in section.ridge_noise.iter().enumerate() {
        let message = if !(noise.is_finite() && *noise > 0.0) {
            format!("ridge_noise = {noise} must be a positive number; it is a standard deviation")
        } else if section.ridge_noise[..index].contains(noise) {
            format!("ridge_noise lists {noise} twice")
        } else {
            continue;
        };
        return Err(FileError::invalid("train", message));
    }
    Ok(())
}

/// Rejects criteria of success that mean nothing: at chance, or above what ends hopeless trainings.
fn check_success(section: &TrainSection, classes: usize) -> Result<(), FileError> {
    let reject = |message: String| Err(FileError::invalid("train", message));
    let accuracy = section.success.accuracy;
    let chance = 1.0 / classes.max(1) as f64;
    if accuracy <= chance {
        return reject(format!(
            "success.accuracy = {accuracy} must be above {chance}, the accuracy of guessing among {classes} classes"
        ));
    }
    match section.hopeless {
        Some(hopeless) if hopeless.accuracy >= accuracy => reject(format!(
            "hopeless.accuracy = {} must be below success.accuracy = {accuracy}; otherwise trainings end that would succeed",
            hopeless.accuracy
        )),
        _ => Ok(()),
    }
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
    let (kind, settings) = settings(optimizer);
    let (_, defaults) = self::settings(default_of_kind(optimizer));
    let mut name = format!("{kind} {}", optimizer.lr());
    for ((setting, value), (_, default)) in settings.into_iter().zip(defaults) {
        if value.to_bits() != default.to_bits() {
            let _ = write!(name, " {setting} {value}");
        }
    }
    name
}

/// Kind of an optimiser, and its settings beside the learning rate.
fn settings(optimizer: Optimizer) -> (&'static str, Vec<(&'static str, f32)>) {
    let (kind, mut settings) = match optimizer {
        Optimizer::Sgd { momentum, .. } => ("sgd", vec![("momentum", momentum)]),
        Optimizer::RmsProp { alpha, eps, .. } => ("rmsprop", vec![("alpha", alpha), ("eps", eps)]),
        Optimizer::Adagrad { lr_decay, eps, .. } => {
            ("adagrad", vec![("lr_decay", lr_decay), ("eps", eps)])
        }
        Optimizer::Adam { beta1, beta2, eps, .. } => {
            ("adam", vec![("beta1", beta1), ("beta2", beta2), ("eps", eps)])
        }
    };
    settings.push(("weight_decay", optimizer.weight_decay()));
    (kind, settings)
}

/// The optimiser of the same kind and learning rate whose other settings are defaults.
fn default_of_kind(optimizer: Optimizer) -> Optimizer {
    match optimizer {
        Optimizer::Sgd { lr, .. } => Optimizer::sgd(lr),
        Optimizer::RmsProp { lr, .. } => Optimizer::rmsprop(lr),
        Optimizer::Adagrad { lr, .. } => Optimizer::adagrad(lr),
        Optimizer::Adam { lr, .. } => Optimizer::adam(lr),
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
    fn default_counts_shrink_to_a_small_dataset() {
        let own = |counts: &str, train: &str| {
            let text = format!(
                "name = \"x\"\n[data]\n{counts}\n[data.dataset]\npath = \"gone.npz\"\n\
                 found = {{ shape = {{ channels = 1, height = 4, width = 4 }}, classes = 2, train = 160, test = 40 }}\n\
                 [network]\ndepth = 3\n[grid]\nsigma_w2 = 1.0\n{train}"
            );
            let plan = Plan::new(read_text(&text, "test", &[])?)?;
            let test = plan.train.map(|train| train.test_samples);
            Ok::<_, FileError>((plan.file.data.probe, test))
        };
        let train = "[train]\ndepths = [3]\nsuccess = { accuracy = 0.8 }";
        assert_eq!(own("", "").unwrap(), (Some(40), None));
        assert_eq!(own("", train).unwrap(), (Some(20), Some(20)));
        assert_eq!(own("probe = 15", train).unwrap(), (Some(15), Some(25)));
        assert_eq!(own("", &format!("{train}\ntest = 30")).unwrap(), (Some(10), Some(30)));
        for (counts, train, message) in [
            (
                "probe = 100",
                "",
                "probe = 100 must be at most 40, the held-out samples of gone.npz, 40 of 200",
            ),
            (
                "train = 161",
                "",
                "train = 161 must be at most 160, the training samples of gone.npz, 160 of 200",
            ),
            ("probe = 40", train, "[train] gone.npz has no held-out samples besides the 40 probe"),
        ] {
            let error = own(counts, train).expect_err(counts).to_string();
            assert!(error.contains(message), "{error}");
        }
    }

    #[test]
    fn missing_depths_are_named() {
        let mut file = plan("").unwrap().file;
        file.train.as_mut().unwrap().depths = None;
        let error = Plan::new(file).expect_err("no depths").to_string();
        assert!(error.contains("[train] depths is missing") && error.contains("[5, 9]"), "{error}");
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
                        { kind = \"adam\", beta1 = 0.5 }, { kind = \"rmsprop\" }, \
                        { kind = \"adagrad\" }, { kind = \"adagrad\", lr = 0.1, weight_decay = 1e-4 }]";
        let plan = plan(settings).unwrap();
        let train = plan.train.unwrap();
        let names: Vec<_> = train.recipes.iter().map(|recipe| recipe.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "sgd 0.1 momentum 0.5",
                "adam 0.001",
                "adam 0.001 beta1 0.5",
                "rmsprop 0.01",
                "adagrad 0.01",
                "adagrad 0.1 weight_decay 0.0001"
            ]
        );
        assert_eq!(train.trainings.len(), 6 * 2 * 3 * 2);
    }

    #[test]
    fn invalid_settings_are_rejected() {
        for (settings, message) in [
            ("seeds = 4", "[train] seeds = 4 must be 1 to 3"),
            ("seeds = 0", "seeds = 0"),
            ("test = 0", "test = 0 must be 1 to"),
            ("train = 20000000", "train = 20000000 must be 2 to"),
            (
                "hopeless = { after = 1, accuracy = 0.9 }",
                "hopeless.accuracy = 0.9 must be below success.accuracy = 0.8",
            ),
            ("ridge_noise = [0.1, 0.0]", "[train] ridge_noise = 0 must be a positive number"),
            ("ridge_noise = [0.1, 0.1]", "ridge_noise lists 0.1 twice"),
            ("epochs = 0", "[train] epochs = 0 must be 1 to 1,000,000"),
            ("optimizer = []", "optimizer lists none"),
            (
                "optimizer = { kind = \"sgd\", lr = 0.1, weight_decay = -1 }",
                "weight_decay = -1 must be finite and at least 0",
            ),
            ("optimizer = { kind = \"sgd\", lr = 0.1, lr_decay = 0.1 }", "lr_decay"),
            ("loss = \"mean\"", "mse"),
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
