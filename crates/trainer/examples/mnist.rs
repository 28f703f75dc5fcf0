//! Trains a tanh network on MNIST, or on generated digits, and prints how accurate it becomes and how long a step takes.
//!
//! ```sh
//! cargo run --release -p trainer --example mnist -- 5 4
//! ```
//!
//! The arguments: depth (5), epochs (4), learning rate of plain gradient descent (0.1), steps at most (no limit), folder
//! of the data (`digits`, to generate them).
#![expect(clippy::print_stdout, reason = "an example")]

use std::{error::Error, str::FromStr, time::Instant};

use isobath_architecture::Activation;
use isobath_architecture::{MlpParams, Variances, WidthRule};
use isobath_datasets::{DatasetName, LoadRequest, Samples, load};
use isobath_network::Network;
use isobath_tensor::Cpu;
use isobath_trainer::{Evaluation, Job, Labelled, Observer, Optimizer, TrainParams, Trainer};

/// Prints evaluations.
struct Printer(Instant);

impl Observer for Printer {
    fn steps_done(&self, _: usize, _: usize) {}

    fn evaluated(&self, evaluation: &Evaluation) {
        let Evaluation { step, train_accuracy, test_accuracy, test_loss, .. } = evaluation;
        println!(
            "step {step}: training accuracy {:.2}%, test accuracy {:.2}%, test loss {test_loss:.4}, {:.1} s",
            100.0 * train_accuracy,
            100.0 * test_accuracy,
            self.0.elapsed().as_secs_f64(),
        );
    }
}

fn argument<T: FromStr>(index: usize, default: T) -> Result<T, T::Err> {
    std::env::args().nth(index).map_or(Ok(default), |text| text.parse())
}

fn labelled(samples: &Samples) -> Labelled<'_> {
    Labelled { samples: samples.images.view(), labels: &samples.labels }
}

fn main() -> Result<(), Box<dyn Error>> {
    let (depth, epochs, lr) = (argument(1, 5)?, argument(2, 4)?, argument(3, 0.1)?);
    let max_steps = argument(4, usize::MAX)?;
    let folder = argument(5, "digits".to_owned())?;
    let name = if folder == "digits" { DatasetName::Digits } else { DatasetName::Mnist };
    let data = load(&LoadRequest::new(name, folder))?;

    let mlp = MlpParams::new(depth, WidthRule::INPUT, Activation::Tanh);
    let spec = mlp.check(data.shape.len(), data.classes.len())?.spec();
    let network = Network::random(spec, Variances::new(1.76, 0.05)?, 1);
    let optimizer = Optimizer::sgd(lr);
    let params =
        TrainParams { epochs, max_steps: Some(max_steps), optimizer, ..TrainParams::default() };
    let trainer = Trainer::new(Cpu::new(), params.check()?);
    let job = Job {
        network: &network,
        train: labelled(&data.train),
        test: labelled(&data.test),
        seed: 1,
    };
    let start = Instant::now();
    let training = trainer.train(&job, &Printer(start))?;
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{:?} in {seconds:.1} s: {:.2} ms a step, {:.1} GFLOP/s, evaluations included",
        training.outcome,
        1e3 * seconds / training.losses.len() as f64,
        training.flops as f64 / seconds / 1e9,
    );
    Ok(())
}
