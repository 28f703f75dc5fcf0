//! The networks that a grid compares: combinations of its lists of activations, widths and initialisations.

use isobath_architecture::{
    Activation, Initialisation, Layer, LayerVariances, NamedWidth, NetworkSpec, ResidualLayer,
    Scheme, Shape, Shrink, ShrinkLaw, Variances, WidthRule,
};
use isobath_tensor::Optimizer;

use super::{
    ExperimentFile, FileError, GridSection, NetworkKind, NetworkSection, OneOrMany, TrainSection,
};
use crate::GridPoint;

/// One of the networks that a grid compares.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// Name: the settings in which the variants differ, such as `relu, width 64`; empty for a single variant.
    pub name: String,
    /// Its settings.
    pub section: NetworkSection,
    /// Activation of the hidden layers; of the first one, if a list of layers has several.
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

    /// The point of an initialisation with a scale of its own: the variances of the second layer with weights, or of the only
    /// one.
    pub(super) fn nominal_point(&self, variant: usize) -> GridPoint {
        let layers = self.network.layers().iter().enumerate();
        let mut weights = layers.filter_map(|(index, layer)| Some((index, first_weights(layer)?)));
        let first = weights.next();
        let scheme = Initialisation::Scheme(self.scheme.clone());
        let found = weights.next().or(first).map(|(index, layer)| scheme.variances(layer, index));
        let nothing = LayerVariances { sigma_w2: 0.0, sigma_b2: 0.0 };
        let found = found.unwrap_or(nothing);
        // Rounding of square roots is no part of a scheme.
        let rounded = |x: f64| format!("{x:.11e}").parse().unwrap_or(x);
        GridPoint { variant, sigma_w2: rounded(found.sigma_w2), sigma_b2: rounded(found.sigma_b2) }
    }

    /// Its network of another depth. A list of layers has only its own depth and stays as it is.
    ///
    /// # Errors
    /// When the settings do not fit the depth.
    pub fn with_depth(&self, depth: usize, ends: Ends) -> Result<NetworkSpec, FileError> {
        match self.section.kind {
            NetworkKind::Layers => Ok(self.network.clone()),
            NetworkKind::Mlp | NetworkKind::Cnn | NetworkKind::Resnet => {
                let section = NetworkSection { depth: Some(depth), ..self.section.clone() };
                spec(&section, ends)
            }
        }
    }

    /// Activations of the hidden layers, each once, in their order.
    pub fn activations(&self) -> Vec<Activation> {
        let hidden = self.network.depth() - self.network.readout_layers();
        let all = self.network.layers()[..hidden].iter().flat_map(activations);
        let mut found: Vec<Activation> = Vec::new();
        for activation in all {
            if !found.contains(&activation) {
                found.push(activation);
            }
        }
        found
    }
}

/// The layer itself, or the first layer with weights of a residual block.
fn first_weights(layer: &Layer) -> Option<&Layer> {
    match layer {
        Layer::Dense(_) | Layer::Conv2d(_) => Some(layer),
        Layer::Pool(_) => None,
        Layer::Residual(block) => block.branch.iter().find_map(first_weights),
    }
}

/// Activations of a layer; a linear layer of a residual branch has none.
fn activations(layer: &Layer) -> Vec<Activation> {
    match layer {
        Layer::Dense(layer) => vec![layer.activation],
        Layer::Conv2d(layer) => vec![layer.activation],
        Layer::Pool(_) => Vec::new(),
        Layer::Residual(ResidualLayer { before, branch, after }) => {
            let inner = branch.iter().flat_map(activations);
            let inner = inner.filter(|activation| *activation != Activation::Linear);
            before.iter().copied().chain(inner).chain(*after).collect()
        }
    }
}

/// Samples that go into a network, and what comes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// Shape of a sample.
    pub input: Shape,
    /// Number of classes.
    pub classes: usize,
}

fn spec(section: &NetworkSection, ends: Ends) -> Result<NetworkSpec, FileError> {
    let spec = section.params()?.spec(ends.input, ends.classes);
    spec.map_err(|error| FileError::invalid("network", error))
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
/// and size: the first ones of the lists.
///
/// # Errors
/// [`FileError::Invalid`] for an empty list, a repeated value, a list without a meaning, or sizes that do not fit the depth.
pub(super) fn variants(file: &mut ExperimentFile, ends: Ends) -> Result<Vec<Variant>, FileError> {
    let activations = chosen_activations(file)?;
    let sizes = sizes(file)?;
    let network = &mut file.network;
    let schemes = values("init", file.grid.init.as_deref(), &mut network.init, Scheme::default())?;
    network.complete()?;
    let mut variants: Vec<Variant> = Vec::new();
    for &activation in &activations {
        for size in &sizes {
            let section = size.section(NetworkSection { activation, ..network.clone() });
            let spec = spec(&section, ends)?;
            for scheme in &schemes {
                let names = [
                    activation.filter(|_| activations.len() > 1).map(|one| one.to_string()),
                    size.name().filter(|_| sizes.len() > 1),
                    (schemes.len() > 1).then(|| scheme.to_string()),
                ];
                let name = names.into_iter().flatten().collect::<Vec<_>>().join(", ");
                let section = NetworkSection { init: Some(scheme.clone()), ..section.clone() };
                let (scheme, network) = (scheme.clone(), spec.clone());
                let activation = activation.unwrap_or(Activation::Linear);
                let mut variant = Variant { name, section, activation, scheme, network };
                if let (NetworkKind::Layers, [first, ..]) =
                    (variant.section.kind, &variant.activations()[..])
                {
                    variant.activation = *first;
                }
                variants.push(variant);
            }
        }
    }
    reject_equal(&variants)?;
    Ok(variants)
}

/// Activations of the grid, or the network's own. A list of layers needs none, if its layers have their own.
fn chosen_activations(file: &mut ExperimentFile) -> Result<Vec<Option<Activation>>, FileError> {
    let (list, network) = (file.grid.activation.as_deref(), &mut file.network);
    if list.is_none() && network.kind == NetworkKind::Layers {
        return Ok(vec![network.activation]);
    }
    let found = values("activation", list, &mut network.activation, Activation::Tanh)?;
    Ok(found.into_iter().map(Some).collect())
}

/// Size of a network's layers, as the grid compares them.
#[derive(Clone, Debug)]
enum Size {
    Width(WidthRule),
    Channels(usize),
    /// That of the network's own settings.
    Own,
}

impl Size {
    /// The settings with this size.
    fn section(&self, section: NetworkSection) -> NetworkSection {
        match self {
            Self::Width(width) => NetworkSection { width: Some(width.clone()), ..section },
            Self::Channels(channels) => NetworkSection { channels: Some(*channels), ..section },
            Self::Own => section,
        }
    }

    fn name(&self) -> Option<String> {
        match self {
            Self::Width(width) => Some(words(width)),
            Self::Channels(channels) => Some(format!("{channels} channels")),
            Self::Own => None,
        }
    }
}

/// Sizes of the grid, or the network's own.
fn sizes(file: &mut ExperimentFile) -> Result<Vec<Size>, FileError> {
    let reject = |message: &str| Err(FileError::invalid("grid", message));
    let GridSection { width, channels, .. } = &file.grid;
    let network = &mut file.network;
    match (network.kind, width, channels) {
        (NetworkKind::Mlp, Some(_), _) if network.preset.is_some() => {
            reject("width: the preset of [network] has widths of its own; remove one of them")
        }
        (NetworkKind::Mlp, _, Some(_)) => {
            reject("channels has no meaning for kind = \"mlp\"; use width")
        }
        (NetworkKind::Mlp, width, None) => {
            let widths =
                values("width", width.as_deref(), &mut network.width, WidthRule::default())?;
            Ok(widths.into_iter().map(Size::Width).collect())
        }
        (NetworkKind::Cnn, Some(_), _) => reject(
            "width has no meaning for kind = \"cnn\", whose size is its number of channels; use channels",
        ),
        (NetworkKind::Layers, Some(_), _) | (NetworkKind::Layers, _, Some(_)) => reject(
            "width and channels have no meaning for kind = \"layers\", whose layers have sizes of their own",
        ),
        (NetworkKind::Resnet, Some(_), Some(_)) => {
            reject("a residual network has either width or channels; remove one of the lists")
        }
        (NetworkKind::Resnet, Some(list), None) => {
            let first = list.first().cloned().unwrap_or_default();
            let widths = values("width", Some(list), &mut network.width, first)?;
            Ok(widths.into_iter().map(Size::Width).collect())
        }
        (NetworkKind::Cnn | NetworkKind::Resnet, None, Some(list)) => {
            let channels = values("channels", Some(list), &mut network.channels, 1)?;
            Ok(channels.into_iter().map(Size::Channels).collect())
        }
        (NetworkKind::Cnn | NetworkKind::Resnet | NetworkKind::Layers, None, None) => {
            Ok(vec![Size::Own])
        }
    }
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
    fn one_value_is_a_list_of_one() {
        let train = "[train]\ndepths = [3]\nsuccess = { accuracy = 0.8 }\n";
        for (one, list) in [
            ("init = \"orthogonal\"", "init = [\"orthogonal\"]"),
            ("activation = \"relu\"", "activation = [\"relu\"]"),
            ("width = 20", "width = [20]"),
            ("width = { shrink = \"linear\" }", "width = [{ shrink = \"linear\" }]"),
            ("optimizer = { kind = \"adam\" }", "optimizer = [{ kind = \"adam\" }]"),
        ] {
            let resolved = |grid| plan("", grid, train).map(|plan| plan.resolved_toml());
            assert_eq!(resolved(one).unwrap(), resolved(list).unwrap());
        }
        let cnn = "kind = \"cnn\"";
        let [one, list] =
            ["channels = 4", "channels = [4]"].map(|grid| plan(cnn, grid, "").unwrap());
        assert_eq!(one.file, list.file);
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
