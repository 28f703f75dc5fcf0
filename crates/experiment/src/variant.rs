//! The networks that a grid compares: combinations of its lists of activations, widths and initialisations.

use isobath_architecture::{
    Activation, Initialisation, NamedWidth, NetworkSpec, Scheme, Shrink, ShrinkLaw, Variances,
    WidthRule,
};
use isobath_tensor::Optimizer;

use super::{ExperimentFile, FileError, GridSection, NetworkSection, OneOrMany, TrainSection};
use crate::GridPoint;

/// One of the networks that a grid compares.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// Name: the settings in which the variants differ, such as `relu, width 64`; empty for a single variant.
    pub name: String,
    /// Its settings.
    pub section: NetworkSection,
    /// Activation of the hidden layers.
    pub activation: Activation,
    /// Random initialisation.
    pub scheme: Scheme,
    /// Its deepest network.
    pub network: NetworkSpec,
}

impl Variant {
    /// Its name in characters that file names may have.
    pub fn file_stem(&self) -> String {
        file_stem(&self.name)
    }

    /// Initialisation of its networks at `point`.
    pub fn initialisation(&self, point: GridPoint) -> Initialisation {
        initialisation(&self.scheme, point)
    }

    /// `point` in words.
    pub(super) fn describe(&self, point: GridPoint) -> String {
        match (self.scheme.uses_grid(), self.name.as_str()) {
            (false, "") => format!("{} initialisation", self.scheme),
            (false, name) => name.to_owned(),
            (true, "") => point.to_string(),
            (true, name) => format!("{name}, {point}"),
        }
    }

    /// The point of an initialisation with a scale of its own: the variances of the second layer, or of the only one.
    pub(super) fn nominal_point(&self, variant: usize) -> GridPoint {
        let layers = self.network.layers();
        let index = usize::from(layers.len() > 1);
        let found = Initialisation::Scheme(self.scheme.clone()).variances(&layers[index], index);
        // Rounding of square roots is no part of a scheme.
        let rounded = |x: f64| format!("{x:.11e}").parse().unwrap_or(x);
        GridPoint { variant, sigma_w2: rounded(found.sigma_w2), sigma_b2: rounded(found.sigma_b2) }
    }

    /// Its network with `depth` weight layers, for samples of `inputs` numbers and `classes` classes.
    ///
    /// # Errors
    /// When its widths do not fit the depth.
    pub fn with_depth(
        &self,
        depth: usize,
        [inputs, classes]: [usize; 2],
    ) -> isobath_architecture::Result<NetworkSpec> {
        let section = NetworkSection { depth, ..self.section.clone() };
        Ok(section.params().check(inputs, classes)?.spec())
    }
}

/// Initialisation by `scheme` at `point`.
///
/// # Panics
/// Never for points of a plan, whose variances are checked.
pub(super) fn initialisation(scheme: &Scheme, point: GridPoint) -> Initialisation {
    match scheme {
        Scheme::Law(law) => Initialisation::Variances {
            law: *law,
            variances: Variances::new(point.sigma_w2, point.sigma_b2)
                .expect("a plan's variances are checked"),
        },
        other => Initialisation::Scheme(other.clone()),
    }
}

/// `name` in characters that file names may have.
pub fn file_stem(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
    name.replace(", ", "-").chars().map(plain).collect()
}

/// Returns the variants of `file` in the order of its lists, the activation first. Fills in the network's own activation
/// and width: the first ones of the lists.
///
/// # Errors
/// [`FileError::Invalid`] for an empty list, a repeated value or widths that do not fit the depth.
pub(super) fn variants(
    file: &mut ExperimentFile,
    shape: [usize; 2],
) -> Result<Vec<Variant>, FileError> {
    let GridSection { activation, width, init, .. } = &file.grid;
    let network = &mut file.network;
    if width.is_some() && network.preset.is_some() {
        let message = "width: the preset of [network] has widths of its own; remove one of them";
        return Err(FileError::invalid("grid", message));
    }
    let activations =
        values("activation", activation.as_deref(), &mut network.activation, Activation::Tanh)?;
    let widths = values("width", width.as_deref(), &mut network.width, WidthRule::default())?;
    let schemes = values("init", init.as_deref(), &mut network.init, Scheme::default())?;
    let mut variants: Vec<Variant> = Vec::new();
    for &activation in &activations {
        for width in &widths {
            let section = NetworkSection {
                activation: Some(activation),
                width: Some(width.clone()),
                ..network.clone()
            };
            let checked = section.params().check(shape[0], shape[1]);
            let spec = checked.map_err(|error| FileError::invalid("network", error))?.spec();
            for scheme in &schemes {
                let names = [
                    (activations.len() > 1).then(|| activation.to_string()),
                    (widths.len() > 1).then(|| words(width)),
                    (schemes.len() > 1).then(|| scheme.to_string()),
                ];
                let name = names.into_iter().flatten().collect::<Vec<_>>().join(", ");
                let section = NetworkSection { init: Some(scheme.clone()), ..section.clone() };
                let (scheme, network) = (scheme.clone(), spec.clone());
                variants.push(Variant { name, section, activation, scheme, network });
            }
        }
    }
    reject_equal(&variants)?;
    Ok(variants)
}

fn reject_equal(variants: &[Variant]) -> Result<(), FileError> {
    for (index, one) in variants.iter().enumerate() {
        let is_same = |other: &&Variant| other.network == one.network && other.scheme == one.scheme;
        if let Some(same) = variants[..index].iter().find(is_same) {
            let message = format!("`{}` and `{}` are the same network", same.name, one.name);
            return Err(FileError::invalid("grid", message));
        }
    }
    Ok(())
}

/// Values of one list of the grid, or the network's `own` value without a list. Fills in the latter.
fn values<T: Clone + PartialEq>(
    name: &str,
    list: Option<&[T]>,
    own: &mut Option<T>,
    default: T,
) -> Result<Vec<T>, FileError> {
    let reject = |message: String| Err(FileError::invalid("grid", message));
    let Some(list) = list else {
        return Ok(vec![own.get_or_insert(default).clone()]);
    };
    let Some(first) = list.first() else {
        return reject(format!("{name} lists no value; give at least one"));
    };
    if (1..list.len()).any(|index| list[..index].contains(&list[index])) {
        return reject(format!("{name} lists a value twice; list each value once"));
    }
    if !list.contains(own.get_or_insert_with(|| first.clone())) {
        return reject(format!(
            "{name}: the value in [network] is not in this list; remove it there"
        ));
    }
    Ok(list.to_vec())
}

/// Words for a rule of widths.
fn words(width: &WidthRule) -> String {
    match width {
        WidthRule::Fixed(width) => format!("width {width}"),
        WidthRule::Named(NamedWidth::Input) => "width of the input".to_owned(),
        WidthRule::Shrink(Shrink { shrink: ShrinkLaw::Linear }) => "shrinking widths".to_owned(),
        WidthRule::Shrink(Shrink { shrink: ShrinkLaw::Published }) => {
            "shrinking widths as published".to_owned()
        }
        WidthRule::List(widths) => {
            format!("widths {}", widths.iter().map(usize::to_string).collect::<Vec<_>>().join(" "))
        }
    }
}

/// Moves the optimisers of `[grid]` to `[train]`, where every optimiser trains every network.
///
/// # Errors
/// [`FileError::Invalid`] without trainings, or if both tables list optimisers.
pub(super) fn move_optimizers(file: &mut ExperimentFile) -> Result<(), FileError> {
    let Some(optimizers) = file.grid.optimizer.take() else { return Ok(()) };
    let reject = |message: &str| Err(FileError::invalid("grid", message));
    match &mut file.train {
        None => reject("optimizer lists optimisers of trainings; add a [train] table"),
        Some(train) if train.optimizer != TrainSection::default_optimizer() => {
            reject("optimizer: [train] has optimisers as well; list all of them in one place")
        }
        Some(train) => {
            train.optimizer = OneOrMany::<Optimizer>::Many(optimizers);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{GridPoint, Plan, read_text};

    fn plan(network: &str, grid: &str, more: &str) -> Result<Plan, crate::FileError> {
        let text = format!(
            "name = \"x\"\n[data]\ndataset = \"digits\"\nprobe = 10\n[network]\ndepth = 5\n{network}\n\
             [grid]\nsigma_w2 = [1.0, 2.0]\nseeds = 2\n{grid}\n{more}"
        );
        Plan::new(read_text(&text, "test", &[])?)
    }

    const LISTS: &str = "activation = [\"relu\", \"tanh\"]\nwidth = [20, { shrink = \"linear\" }]";

    #[test]
    fn lists_multiply_the_cells() {
        let plan = plan("", LISTS, "").unwrap();
        let names: Vec<_> = plan.variants.iter().map(|variant| variant.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "relu, width 20",
                "relu, shrinking widths",
                "tanh, width 20",
                "tanh, shrinking widths"
            ]
        );
        assert_eq!(plan.cells.len(), 4 * 2 * 2);
        let last = plan.cells[plan.cells.len() - 1];
        assert_eq!(last.id.point, GridPoint { variant: 3, ..GridPoint::new(2.0, 0.0) });
        // Variants share their seeds, so that they differ in nothing else.
        assert_eq!(last.seed, plan.cells[3].seed);
        assert_eq!(plan.variant(last.id.point).network.widths()[4], 165);
    }

    #[test]
    fn initialisations_with_their_own_scale_have_one_point() {
        let lists = "init = [\"normal\", \"orthogonal\", \"pytorch\", { name = \"kaiming-normal\", bias = \"pytorch\" }]";
        let plan = plan("width = 20", lists, "").unwrap();
        let of = |variant| plan.points.iter().filter(move |point| point.variant == variant);
        assert_eq!([0, 1, 2, 3].map(|variant| of(variant).count()), [2, 2, 1, 1]);
        assert_eq!(plan.cells.len(), 2 * 6);
        let pytorch = of(2).next().unwrap();
        assert!((pytorch.sigma_w2 - 1.0 / 3.0).abs() < 1e-12);
        assert!((pytorch.sigma_b2 - 1.0 / 60.0).abs() < 1e-12);
        assert_eq!(plan.variants[3].name, "kaiming-normal pytorch biases");
        let again = Plan::new(read_text(&plan.resolved_toml(), "resolved", &[]).unwrap()).unwrap();
        assert_eq!(again.run_name(), plan.run_name());
    }

    #[test]
    fn resolved_file_with_lists_is_read_again() {
        let plan = plan("activation = \"tanh\"", LISTS, "").unwrap();
        let again = Plan::new(read_text(&plan.resolved_toml(), "resolved", &[]).unwrap()).unwrap();
        assert_eq!((&again.file, again.run_name()), (&plan.file, plan.run_name()));
    }

    #[test]
    fn one_network_has_no_name() {
        let plan = plan("activation = \"relu\"\nwidth = 20", "", "").unwrap();
        assert_eq!((plan.variants.len(), plan.variants[0].name.as_str()), (1, ""));
    }

    #[test]
    fn optimizers_of_the_grid_train_every_network() {
        let train = "[train]\ndepths = [3]\nsuccess = { accuracy = 0.8 }\n";
        let list = "optimizer = [{ kind = \"adam\" }, { kind = \"rmsprop\" }]\nwidth = [20, 30]";
        let plan = plan("", list, train).unwrap();
        let trainings = plan.train.unwrap();
        assert_eq!((trainings.recipes.len(), trainings.trainings.len()), (2, 2 * 2 * 2 * 2));
        let error = self::plan("", list, "").expect_err("no trainings").to_string();
        assert!(error.contains("add a [train] table"), "{error}");
        let both = format!("{train}optimizer = {{ kind = \"adam\", lr = 0.5 }}\n");
        let error = self::plan("", list, &both).expect_err("two lists").to_string();
        assert!(error.contains("in one place"), "{error}");
    }

    #[test]
    fn useless_lists_are_rejected() {
        for (network, grid, message) in [
            ("", "activation = []", "lists no value"),
            ("", "width = [20, 20]", "lists a value twice"),
            ("", "width = [784, \"input\"]\nactivation = [\"tanh\"]", "are the same network"),
            ("activation = \"erf\"", "activation = [\"relu\", \"tanh\"]", "not in this list"),
            ("preset = \"published\"", "width = [20]", "widths of its own"),
            ("", "activation = [\"rely\"]", "relu"),
            ("", "init = [\"pytorch\"]", "sigma_w2 has no effect"),
            ("init = \"kaiming-normal\"", "", "sigma_w2 has no effect"),
            ("", "init = [\"pytorh\"]", "pytorch"),
        ] {
            let error = plan(network, grid, "").expect_err(grid).to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
