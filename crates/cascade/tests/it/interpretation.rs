//! Class prototypes and channel images through the public interface.
#![expect(clippy::unwrap_used, reason = "a test")]

use isobath_architecture::{
    Activation, Conv2dLayer, DenseLayer, Layer, NetworkSpec, Shape, Variances, Window,
};
use isobath_cascade::{Cascade, CascadeParams, ClassLevels, InitialDecoders, Job, Method, Silent};
use isobath_network::{DenseParameters, Network};
use isobath_tensor::{Cpu, RandomStream};
use isobath_testkit::{Tolerance, assert_close};
use ndarray::{Array1, Array2, Axis, array, s};

fn normal(rows: usize, columns: usize, stream: u64) -> Array2<f32> {
    let numbers = RandomStream::Normal { seed: 7, stream, std: 1.0 }.take(rows * columns);
    Array2::from_shape_vec((rows, columns), numbers).unwrap()
}

fn cascade(network: &Network, params: CascadeParams, train: &Array2<f32>) -> Cascade {
    let job = Job {
        network,
        layers: network.spec().depth(),
        train: train.view(),
        order: None,
        probe: train.slice(s![..4, ..]),
        initial: InitialDecoders::Drawn { seed: 1 },
    };
    params.check().unwrap().build(Cpu::new()).reconstruct(&job, &Silent).unwrap()
}

fn ridge(noise: f64) -> CascadeParams {
    CascadeParams { method: Method::Ridge, noise: Some(noise), ..CascadeParams::default() }
}

/// Two invertible linear layers: `y = B (A x + a) + b`. The prototype of class `k` is the only input whose output is 1 at `k`
/// and 0 elsewhere.
#[test]
fn prototypes_of_an_invertible_network_are_its_inverse_images() {
    let first =
        (array![[2.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, -1.0, 0.5]], array![0.5, 0.0, -1.0]);
    let second = (array![[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 0.0, 2.0]], array![0.0, 1.0, 0.5]);
    let layer = Layer::Dense(DenseLayer { inputs: 3, outputs: 3, activation: Activation::Linear });
    let parameters = [&first, &second]
        .map(|(weights, bias)| DenseParameters { weights: weights.clone(), bias: bias.clone() });
    let spec = NetworkSpec::new(vec![layer.clone(), layer]).unwrap();
    let network = Network::with_parameters(spec, parameters.to_vec()).unwrap();
    let cascade = cascade(&network, ridge(0.0), &normal(64, 3, 1));
    let prototypes =
        cascade.decoders.prototypes(&Cpu::new(), 3, &[0, 1, 2], ClassLevels::ONE_HOT).unwrap();
    // Solved by hand: the last hidden unit is (y_3 - 1/2) / 2, the others follow.
    let expected: [[f32; 3]; 3] =
        [[-0.625, 1.625, 4.75], [-0.125, 0.125, 1.75], [-0.875, 0.875, 4.25]];
    let outputs = network.activations(&Cpu::new(), 2, prototypes.view()).unwrap();
    assert_close(
        outputs.as_slice().unwrap(),
        Array2::<f32>::eye(3).as_slice().unwrap(),
        Tolerance::absolute(1e-4),
    );
    assert_close(
        prototypes.as_slice().unwrap(),
        expected.as_flattened(),
        Tolerance::absolute(1e-4),
    );
}

fn convolutions() -> Network {
    let image = Shape::new(1, 6, 5);
    let window = Window::square(3, 1, 1);
    let first = Conv2dLayer::new(image, 4, window, Activation::Tanh);
    let second = Conv2dLayer::new(first.output(), 3, window, Activation::Relu);
    let spec = NetworkSpec::new(vec![Layer::Conv2d(first), Layer::Conv2d(second)]).unwrap();
    Network::random(spec, Variances::new(1.5, 0.05).unwrap(), 3)
}

#[test]
fn channel_images_of_linear_decoders_sum_up_to_the_whole() {
    let (network, train) = (convolutions(), normal(200, 30, 2));
    let cascade = cascade(&network, ridge(0.03), &train);
    let shapes = network.spec().shapes();
    for (depth, &shape) in shapes.iter().enumerate().skip(1) {
        let h = network.activations(&Cpu::new(), depth, train.slice(s![..1, ..])).unwrap();
        let all = cascade
            .decoders
            .channel_images(&Cpu::new(), depth, shape, h.row(0), shape.channels)
            .unwrap();
        let sum = all.channels.iter().fold(Array1::from(all.none.clone()), |sum, channel| {
            sum + Array1::from(channel.image.clone())
        });
        assert_eq!(all.channels.len(), shape.channels);
        assert_close(&sum.to_vec(), &all.whole, Tolerance::absolute(1e-4));
        // The whole is the reconstruction that the cascade itself gives.
        let reconstruction = cascade.reconstructions[depth - 1].index_axis(Axis(0), 0).to_vec();
        assert_close(&all.whole, &reconstruction, Tolerance::absolute(1e-4));
        assert!(all.channels.is_sorted_by(|a, b| a.mean_square >= b.mean_square));
        assert!(all.channels.iter().any(|channel| channel.image.iter().any(|x| x.abs() > 0.01)));
        let two = cascade.decoders.channel_images(&Cpu::new(), depth, shape, h.row(0), 2).unwrap();
        assert_eq!(two.channels[..], all.channels[..2]);
    }
}

#[test]
fn activations_of_another_shape_are_refused() {
    let (network, train) = (convolutions(), normal(50, 30, 2));
    let cascade = cascade(&network, ridge(0.03), &train);
    let shape = network.spec().shapes()[1];
    let error =
        cascade.decoders.channel_images(&Cpu::new(), 1, shape, train.row(0), 2).unwrap_err();
    assert!(error.to_string().contains("30 numbers each, the decoder reads 120"), "{error}");
    // The last layer has 90 outputs, not 10.
    let error =
        cascade.decoders.prototypes(&Cpu::new(), 10, &[4], ClassLevels::ONE_HOT).unwrap_err();
    assert!(error.to_string().contains("10 numbers each, the decoder reads 90"), "{error}");
}
