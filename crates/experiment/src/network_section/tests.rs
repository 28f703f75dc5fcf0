use isobath_architecture::{Activation, NetworkSpec, Shape};

use crate::{DepthUnit, FileError, GridPoint, Plan, read_text};

fn plan(network: &str, grid: &str, train: &str) -> Result<Plan, FileError> {
    let text = format!(
        "name = \"x\"\n[data]\ndataset = \"digits\"\nprobe = 10\n[network]\n{network}\n\
             [grid]\nsigma_w2 = [1.0, 2.0]\n{grid}\n{train}"
    );
    Plan::new(read_text(&text, "test", &[])?)
}

const CNN: &str = "kind = \"cnn\"\ndepth = 8\nchannels = 4";
const RESNET: &str = "kind = \"resnet\"\ndepth = 8\nchannels = 4";
const LAYERS: &str = r#"
        kind = "layers"
        activation = "relu"
        layers = [
            { conv = 4, padding = "same", activation = "tanh" },
            { pool = "max" },
            { residual = [{ conv = 4, padding = "same" }], repeat = 2 },
            { flatten = true },
            { dense = 30 },
            { dense = "classes" },
        ]"#;
const TRAIN: &str = "[train]\nsuccess = { accuracy = 0.8 }\ndepths = ";

#[test]
fn profiles_have_the_stages_before_the_readout() {
    for (network, depth) in [(CNN, 8), (RESNET, 8), (LAYERS, 6)] {
        let plan = plan(network, "", "").unwrap();
        assert_eq!((plan.depth, plan.layers), (depth, depth - 1), "{network}");
    }
    let all = plan(CNN, "", "[cascade]\nreadout = true").unwrap();
    // Pooling and the readout.
    assert_eq!((all.depth, all.layers), (8, 9));
}

#[test]
fn resolved_files_are_read_again() {
    for network in [CNN, RESNET, LAYERS, "kind = \"resnet\"\ndepth = 5\nwidth = 30"] {
        let plan = plan(network, "", "").unwrap();
        let again = Plan::new(read_text(&plan.resolved_toml(), "resolved", &[]).unwrap());
        let again = again.unwrap();
        assert_eq!((&again.file, again.run_name()), (&plan.file, plan.run_name()), "{network}");
    }
    let resolved = plan(CNN, "", "").unwrap().resolved_toml();
    assert!(resolved.contains("boundary = \"circular\""), "{resolved}");
}

#[test]
fn resolved_perceptrons_have_no_new_keys() {
    let plan = plan("depth = 5\nwidth = 30", "", "").unwrap();
    let text = plan.resolved_toml();
    let table = text.split("[network]\n").nth(1).and_then(|rest| rest.split("\n\n").next());
    let expected = "kind = \"mlp\"\ndepth = 5\nwidth = 30\nactivation = \"tanh\"\n\
                        init = \"normal\"\nreadout = \"linear\"";
    assert_eq!(table, Some(expected));
}

#[test]
fn lists_of_the_grid_compare_networks() {
    let grid = "activation = [\"relu\", \"tanh\"]\nchannels = [4, 8]\nseeds = 1";
    for network in ["kind = \"cnn\"\ndepth = 8", "kind = \"resnet\"\ndepth = 8"] {
        let plan = plan(network, grid, "").unwrap();
        let names: Vec<_> = plan.variants.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(
            names,
            ["relu, 4 channels", "relu, 8 channels", "tanh, 4 channels", "tanh, 8 channels"]
        );
        let shapes = plan.variant(GridPoint { variant: 1, ..plan.points[0] }).network.shapes();
        assert_eq!(shapes[3], Shape::new(8, 7, 7));
    }
    let dense = plan("kind = \"resnet\"\ndepth = 8", "width = [20, 30]", "").unwrap();
    assert_eq!(dense.variants[1].network.widths()[1..8], [30; 7]);
    let lists = plan(LAYERS, "activation = [\"relu\", \"erf\"]", "").unwrap();
    let activations = lists.variants[1].activations();
    assert_eq!(activations, [Activation::Tanh, Activation::Erf]);
}

#[test]
fn trained_networks_have_the_stages_of_their_depth() {
    for network in [CNN, RESNET] {
        let plan = plan(network, "", &format!("{TRAIN}[4, 6, 8]")).unwrap();
        let networks = &plan.train.unwrap().networks[0];
        let depths: Vec<_> = networks.iter().map(NetworkSpec::stages).collect();
        assert_eq!(depths, [4, 6, 8]);
        // Networks of different depth share the layers before their readouts.
        assert_eq!(networks[0].layers()[..3], networks[2].layers()[..3]);
    }
    let given = plan(LAYERS, "", &format!("{TRAIN}6")).unwrap();
    // A list of layers has one depth, which need not be given.
    let default = plan(LAYERS, "", "[train]\nsuccess = { accuracy = 0.8 }").unwrap();
    assert_eq!(default.train.as_ref().unwrap().depths, [6]);
    assert_eq!(default.file, given.file);
    for depths in ["[3, 6]", "9"] {
        let error = plan(LAYERS, "", &format!("{TRAIN}{depths}")).expect_err(depths);
        assert!(error.to_string().contains("write depths = 6"), "{error}");
    }
    let error = plan(CNN, "", &format!("{TRAIN}[2, 8]")).expect_err("too shallow").to_string();
    assert!(error.contains("[train] depths: 2: network depth = 2 must be at least 4"), "{error}");
}

#[test]
fn settings_without_a_meaning_are_refused() {
    for (network, grid, message) in [
        ("width = 20", "", "depth is missing"),
        ("depth = 5\nchannels = 4", "", "channels has no meaning for kind = \"mlp\""),
        ("kind = \"cnn\"\ndepth = 8", "", "channels is missing"),
        ("kind = \"cnn\"\ndepth = 8\nwidth = 4", "", "use channels"),
        ("kind = \"layers\"", "", "layers is missing"),
        ("kind = \"layers\"\ndepth = 4\nlayers = []", "", "depth has no meaning"),
        ("depth = 4\nlayers = []", "", "add kind = \"layers\""),
        (
            "kind = \"resnet\"\ndepth = 8\nwidth = 30\nstem = 1",
            "",
            "stem is for residual networks of conv",
        ),
        ("kind = \"resnet\"\ndepth = 8\nwidth = \"input\"", "", "must be a number"),
        (
            "kind = \"cnn\"\ndepth = 8\npreset = \"published\"\nchannels = 4",
            "",
            "use kind = \"mlp\"",
        ),
        ("kind = \"cnn\"\ndepth = 8\npreset = \"published-cnn\"\nstem = 3", "", "has its own"),
        (
            "kind = \"layers\"\nlayers = [{ conv = 3 }, { dense = \"classes\" }]",
            "",
            "layers[0]: activation is missing",
        ),
        (
            "kind = \"cnn\"\ndepth = 9\nchannels = 1000000\nkernel = 999\nboundary = \"zero\"",
            "",
            "a cell would take about",
        ),
        (CNN, "width = [4]", "use channels"),
        (LAYERS, "channels = [4]", "have no meaning for kind = \"layers\""),
        ("depth = 5", "channels = [4]", "use width"),
        ("kind = \"resnet\"\ndepth = 8", "width = [4]\nchannels = [4]", "either width or channels"),
    ] {
        let error = plan(network, grid, "").expect_err(network).to_string();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn published_networks_need_a_kind_and_a_depth() {
    for (kind, channels) in [("cnn", 128), ("resnet", 32)] {
        let network = format!("kind = \"{kind}\"\ndepth = 8\npreset = \"published-{kind}\"");
        let plan = plan(&network, "", "").unwrap();
        assert_eq!(plan.variants[0].network.shapes()[1], Shape::new(channels, 28, 28));
        assert_eq!((plan.depth, plan.layers), (8, 7));
    }
}

#[test]
fn depths_say_what_they_count() {
    let unit = |network: &str| plan(network, "", "").unwrap().file.network.kind.depth_unit();
    assert_eq!([CNN, RESNET].map(unit), [DepthUnit::WeightLayers, DepthUnit::Stages]);
}
