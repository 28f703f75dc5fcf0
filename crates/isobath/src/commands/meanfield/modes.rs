//! Depth scales of the spatial frequencies of a circular convolution.

use anyhow::Result;
use isobath_architecture::Activation;
use isobath_meanfield::{ModeScale, SpatialVariance, Theory};
use serde_json::json;

use super::{architecture::Size, out_of_range, table};
use crate::commands::{Usage, exit};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Activation function
    #[arg(long, default_value = "tanh")]
    activation: Activation,
    /// Weight variance times the fan-in; default: the critical one
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    sigma_w2: Option<f64>,
    /// Bias variance
    #[arg(long, default_value_t = 0.05, value_name = "NUMBER", allow_negative_numbers = true)]
    sigma_b2: f64,
    /// Rows and columns of the kernel, over which the weight variance is uniform
    #[arg(long, default_value = "3x3", value_name = "ROWSxCOLUMNS")]
    kernel: Size,
    /// Rows and columns of the image
    #[arg(long, default_value = "28x28", value_name = "ROWSxCOLUMNS")]
    size: Size,
    /// Number of groups of waves to print, the slowest first
    #[arg(long, default_value_t = 10)]
    most: usize,
    /// Print JSON for every wave
    #[arg(long)]
    json: bool,
}

pub(super) fn main(arguments: &Arguments) -> Result<u8> {
    let Arguments { activation, sigma_b2, kernel, size, .. } = *arguments;
    if size.0[0] * size.0[1] > 1 << 20 {
        return Err(Usage("--size has more than 2^20 pixels".to_owned()).into());
    }
    let critical = || isobath_meanfield::critical_sigma_w2(activation, sigma_b2);
    let sigma_w2 = arguments.sigma_w2.map_or_else(critical, Ok).map_err(out_of_range)?;
    let theory = Theory::new(activation, sigma_w2, sigma_b2).map_err(out_of_range)?;
    let point = theory.fixed_point().map_err(out_of_range)?;
    let variance = SpatialVariance::uniform(kernel.0).map_err(out_of_range)?;
    let modes = point.mode_scales(&variance, size.0);
    if arguments.json {
        println!(
            "{}",
            json!({
                "activation": activation.to_string(), "sigma_w2": sigma_w2, "sigma_b2": sigma_b2,
                "kernel": kernel.0, "size": size.0, "modes": modes,
            })
        );
        return Ok(exit::DONE);
    }
    println!("{activation}, sigma_w2 = {sigma_w2}, sigma_b2 = {sigma_b2}: circular convolution");
    println!("{}", table::line(["waves", "number", "lambda", "xi_c", "xi_q"]));
    for (ModeScale { waves: [down, across], lambda, xi_c, xi_q }, number) in
        groups(modes, size.0).into_iter().take(arguments.most)
    {
        let numbers = [lambda, xi_c, xi_q].map(table::short);
        let cells = [format!("{down}x{across}"), number.to_string()];
        println!("{}", table::line(cells.into_iter().chain(numbers)));
    }
    Ok(exit::DONE)
}

/// Groups of waves of equal scales, the slowest first, each as its smallest wave with the number of waves of all signs.
/// Along each axis, waves `k` and `size - k` are the same but for their sign; `modes` has only one of two horizontal signs.
fn groups(modes: Vec<ModeScale>, size: [usize; 2]) -> Vec<(ModeScale, usize)> {
    let smallest = |mode: ModeScale| {
        let [down, across] = [0, 1].map(|axis| mode.waves[axis].min(size[axis] - mode.waves[axis]));
        ModeScale { waves: [down, across], ..mode }
    };
    let mut modes: Vec<ModeScale> = modes.into_iter().map(smallest).collect();
    modes.sort_by(|a, b| b.lambda.total_cmp(&a.lambda).then_with(|| a.waves.cmp(&b.waves)));
    let is_same = |a: &ModeScale, b: &ModeScale| (a.lambda - b.lambda).abs() < 1e-12;
    let of_group = |group: &[ModeScale]| {
        let least = group.iter().min_by_key(|mode| (mode.waves.iter().sum::<usize>(), mode.waves));
        let signs = |mode: &ModeScale| {
            let across = mode.waves[1];
            if across == 0 || 2 * across == size[1] { 1 } else { 2 }
        };
        least.map(|mode| (*mode, group.iter().map(signs).sum()))
    };
    modes.chunk_by(is_same).filter_map(of_group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every wave of every sign is counted once, under its smallest name.
    #[test]
    fn groups_count_all_waves() {
        let theory = Theory::new(Activation::Tanh, 1.5, 0.05).unwrap();
        let point = theory.fixed_point().unwrap();
        let variance = SpatialVariance::uniform([3, 3]).unwrap();
        let of = |size: [usize; 2]| groups(point.mode_scales(&variance, size), size);
        let odd = of([7, 7]);
        let first: Vec<_> =
            odd.iter().take(3).map(|(mode, number)| (mode.waves, *number)).collect();
        assert_eq!(first, [([0, 0], 1), ([0, 1], 4), ([1, 1], 4)]);
        for size in [[7, 7], [8, 8], [28, 28], [5, 8]] {
            let waves = of(size);
            assert_eq!(waves.iter().map(|(_, number)| number).sum::<usize>(), size[0] * size[1]);
            let is_smallest =
                |mode: &ModeScale| (0..2).all(|axis| 2 * mode.waves[axis] <= size[axis]);
            assert!(waves.iter().all(|(mode, _)| is_smallest(mode)));
        }
    }
}
