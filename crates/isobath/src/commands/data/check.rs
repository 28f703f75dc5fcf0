//! `data check`: reads the user's own data and describes them.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum};
use isobath_datasets::{ArrayLayout, LabelColumn, OwnData, Shape, Summary};
use serde_json::json;

use super::super::exit;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// File (.npy, .npz, .csv) or folder with one folder of images for each class
    path: PathBuf,
    /// CSV: name or index of the column of labels, -1 for the last; .npy: file of labels
    #[arg(long, allow_hyphen_values = true)]
    labels: Option<String>,
    /// File or folder of held-out samples
    #[arg(long)]
    test: Option<PathBuf>,
    /// .npy: file of the held-out samples' labels
    #[arg(long)]
    test_labels: Option<PathBuf>,
    /// Part of the samples to hold out where none are given [default: 0.2]
    #[arg(long)]
    held_out: Option<f64>,
    /// Channels, height and width of a sample, such as 3,32,32
    #[arg(long, value_delimiter = ',')]
    shape: Vec<usize>,
    /// Order of an array's dimensions
    #[arg(long, default_value = "nchw")]
    layout: Layout,
    /// Number by which all values are divided
    #[arg(long)]
    divide: Option<f32>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Layout {
    /// Samples, channels, height, width, as in PyTorch
    Nchw,
    /// Samples, height, width, channels, as in Keras and JAX
    Nhwc,
}

pub(super) fn main(arguments: Arguments) -> Result<u8> {
    let is_json = arguments.json;
    let own = arguments.own_data()?;
    let summary = own.summarize()?;
    if is_json {
        println!("{}", numbers(&own, &summary));
    } else {
        print(&own, &summary)?;
    }
    Ok(exit::DONE)
}

impl Arguments {
    fn own_data(self) -> Result<OwnData> {
        let shape = match self.shape[..] {
            [] => None,
            [channels, height, width] => Some([channels, height, width]),
            _ => {
                let message =
                    "--shape takes three numbers: channels, height and width, such as 3,32,32";
                return Err(super::super::Usage(message.to_owned()).into());
            }
        };
        let column = |text: String| match text.parse() {
            Ok(index) => LabelColumn::Index(index),
            Err(_) => LabelColumn::Name(text),
        };
        Ok(OwnData {
            path: self.path,
            labels: self.labels.map(column),
            test: self.test,
            test_labels: self.test_labels,
            held_out: self.held_out,
            shape,
            layout: match self.layout {
                Layout::Nchw => ArrayLayout::Nchw,
                Layout::Nhwc => ArrayLayout::Nhwc,
            },
            divide: self.divide,
            classes: None,
            found: None,
        })
    }
}

/// Classes that are listed.
const MOST_LISTED: usize = 20;

fn print(own: &OwnData, summary: &Summary) -> Result<()> {
    let Summary { extent, classes, range: [low, high], mean, std } = summary;
    let Shape { channels, height, width } = extent.shape;
    println!("{}", own.name());
    println!("  samples   {} for training, {} held out", extent.train, extent.test);
    println!("  shape     {channels} x {height} x {width} (channels, height, width)");
    println!("  values    {low} to {high}, mean {mean:.4}, standard deviation {std:.4}");
    let skipped = own.skipped()?;
    if !skipped.is_empty() {
        println!("  not read  {skipped} (only PNG and JPEG images are)");
    }
    println!("  classes   {}", extent.classes);
    for (name, [train, test]) in classes.iter().take(MOST_LISTED) {
        println!("    {name:<20} {train:>8} for training {test:>8} held out");
    }
    if classes.len() > MOST_LISTED {
        println!("    and {} more", classes.len() - MOST_LISTED);
    }
    println!("\nin an experiment file:\n\n[data]\ndataset = {}", inline(own)?);
    Ok(())
}

/// The data as a value in TOML, on one line.
fn inline(own: &OwnData) -> Result<String> {
    let value = toml::Value::try_from(own)?;
    let Some(table) = value.as_table().filter(|table| table.len() > 1) else {
        return Ok(toml::Value::from(own.name()).to_string());
    };
    let settings: Vec<String> =
        table.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    Ok(format!("{{ {} }}", settings.join(", ")))
}

fn numbers(own: &OwnData, summary: &Summary) -> serde_json::Value {
    let Summary { extent, classes, range, mean, std } = summary;
    let class = |(name, [train, test]): &(String, [usize; 2])| json!({ "name": name, "train": train, "test": test });
    json!({
        "path": own.name(),
        "shape": [extent.shape.channels, extent.shape.height, extent.shape.width],
        "train": extent.train,
        "test": extent.test,
        "classes": classes.iter().map(class).collect::<Vec<_>>(),
        "range": range,
        "mean": mean,
        "std": std,
    })
}
