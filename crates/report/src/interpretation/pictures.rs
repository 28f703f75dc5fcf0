//! Tables of pictures: which pictures stand where, and the range of values from black to white of each.

use super::{Channels, Interpretation, PrototypeSource, Prototypes, Sample};
use crate::figures::{MOST_BARS, Picture, PictureRow, PictureTable};

/// Pictures in a row of prototypes, at most.
const ROW: usize = 10;

/// Kind of the pictures of samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Image,
    Bars,
}

/// The tables of pictures of an interpretation; none for samples that cannot be drawn, or without any picture.
pub(crate) fn tables(interpretation: &Interpretation) -> Vec<PictureTable> {
    let Some(kind) = kind(interpretation.shape) else { return Vec::new() };
    let all = [Some(gallery(interpretation)), prototypes(interpretation), channels(interpretation)];
    let note = note(interpretation.shape, kind);
    let tables = all.into_iter().flatten().filter(|table| !table.rows.is_empty());
    tables.map(|table| PictureTable { caption: table.caption + note, ..table }).collect()
}

/// Kind of the pictures; `None` for samples that are neither images nor short enough for bars.
fn kind([channels, height, width]: [usize; 3]) -> Option<Kind> {
    if height > 1 && width > 1 {
        return Some(Kind::Image);
    }
    (channels * height * width <= MOST_BARS).then_some(Kind::Bars)
}

fn note([channels, ..]: [usize; 3], kind: Kind) -> &'static str {
    match (kind, channels) {
        (Kind::Bars, _) => " The samples are not images; each picture has one bar per number.",
        (Kind::Image, 1 | 3) => "",
        (Kind::Image, _) => " Only the first channel is shown.",
    }
}

/// Lowest and highest finite value; 0 and 1 without any.
fn range(pixels: &[f32]) -> [f32; 2] {
    let finite = || pixels.iter().copied().filter(|pixel| pixel.is_finite());
    let low = finite().fold(f32::INFINITY, f32::min);
    let high = finite().fold(f32::NEG_INFINITY, f32::max);
    if low < high { [low, high] } else { [0.0, 1.0] }
}

fn picture(interpretation: &Interpretation, pixels: &[f32], range: [f32; 2]) -> Option<Picture> {
    let shape = interpretation.shape;
    Some(match kind(shape)? {
        Kind::Image => Picture::image(shape, pixels, range),
        Kind::Bars => Picture::bars(pixels.to_vec(), range),
    })
}

/// Samples across, depths down.
fn gallery(interpretation: &Interpretation) -> PictureTable {
    let Interpretation { samples, reconstructions, layers, .. } = interpretation;
    let ranges: Vec<_> = samples.iter().map(|sample| range(&sample.pixels)).collect();
    let cells = |images: Vec<&Vec<f32>>| {
        let pictures = images.into_iter().zip(&ranges);
        pictures.map(|(pixels, &range)| picture(interpretation, pixels, range)).collect()
    };
    let original = |(sample, &range): (&Sample, &[f32; 2])| {
        let picture = picture(interpretation, &sample.pixels, range)?;
        let wrong = sample.predicted.iter().find(|predicted| **predicted != sample.class);
        let note = wrong.map_or_else(String::new, |predicted| format!("as {predicted}"));
        Some(picture.with_note(note))
    };
    let originals = PictureRow {
        label: "input".into(),
        cells: samples.iter().zip(&ranges).map(original).collect(),
    };
    let rows = reconstructions.iter().map(|from| {
        let name = layers.get(from.layer - 1).map_or("", |row| row.name.as_str());
        PictureRow {
            label: format!("layer {}: {name}", from.layer),
            cells: cells(from.images.iter().collect()),
        }
    });
    PictureTable {
        stem: "reconstructions".into(),
        title: "Held-out samples and their reconstructions from the layers".into(),
        caption: "Classes are above; below a sample is the class that the network gives where it is wrong. Each reconstruction \
                  has the range of values of its input.".into(),
        columns: samples.iter().map(|sample| sample.class.clone()).collect(),
        rows: std::iter::once(originals).chain(rows).collect(),
    }
}

/// One picture for each class.
fn prototypes(interpretation: &Interpretation) -> Option<PictureTable> {
    let Prototypes { source, images, classes } = &interpretation.prototypes;
    if images.is_empty() {
        return None;
    }
    let columns = images.len().min(ROW);
    let row = |part: &[(String, Vec<f32>)]| {
        let cells = part.iter().map(|(_, pixels)| picture(interpretation, pixels, range(pixels)));
        let label = match part {
            [(first, _), .., (last, _)] => format!("{first} to {last}"),
            [(only, _)] => only.clone(),
            [] => String::new(),
        };
        PictureRow { label, cells: cells.collect() }
    };
    let is_single = images.len() <= ROW;
    let names = images.iter().take(columns);
    let left = classes.saturating_sub(images.len());
    let more =
        if left > 0 { format!(" {left} more classes are not shown.") } else { String::new() };
    Some(PictureTable {
        stem: "prototypes".into(),
        title: "Class prototypes".into(),
        caption: format!("{} Each picture has its own range of values.{more}", described(*source)),
        columns: if is_single {
            names.map(|(name, _)| name.clone()).collect()
        } else {
            vec![String::new(); columns]
        },
        rows: images
            .chunks(ROW)
            .map(|part| {
                let row = row(part);
                if is_single { PictureRow { label: "prototype".into(), ..row } } else { row }
            })
            .collect(),
    })
}

/// What the prototypes are decoded from.
fn described(source: PrototypeSource) -> String {
    match source {
        PrototypeSource::Output { on, off } => format!(
            "Decoded through all decoders from an output of {} at the class and {} at all others, the means of the \
             network's outputs for the held-out samples.",
            crate::numbers::short(f64::from(on)),
            crate::numbers::short(f64::from(off))
        ),
        PrototypeSource::ClassMean(layer) => format!(
            "No decoder covers the readout, so these are decoded from the mean activations of the held-out samples of \
             each class behind layer {layer}.",
        ),
    }
}

/// A row for each layer: the sample, decoded whole and without channels, and single channels.
fn channels(interpretation: &Interpretation) -> Option<PictureTable> {
    let Interpretation { samples, channels, layers, .. } = interpretation;
    let sample = samples.first()?;
    let input = range(&sample.pixels);
    let most = channels.iter().map(|layer| layer.images.len()).max()?;
    let row = |part: &Channels| {
        let name = layers.get(part.layer - 1).map_or("", |row| row.name.as_str());
        // One scale for the channels of a layer, with grey for no contribution.
        let all = part.images.iter().flat_map(|(_, pixels)| pixels);
        let largest = all.fold(0.0f32, |largest, pixel| largest.max(pixel.abs()));
        let symmetric = if largest > 0.0 { [-largest, largest] } else { [-1.0, 1.0] };
        let plain = [&sample.pixels, &part.whole, &part.none];
        let plain = plain.map(|pixels| picture(interpretation, pixels, input));
        let single = part.images.iter().map(|(channel, pixels)| {
            let picture = picture(interpretation, pixels, symmetric)?;
            Some(picture.with_note(format!("no. {channel}")))
        });
        PictureRow {
            label: format!("layer {}: {name}, {} channels", part.layer, part.total),
            cells: plain.into_iter().chain(single).collect(),
        }
    };
    let heads = ["input", "all", "none"].map(str::to_owned);
    let ranks =
        (1..=most).map(|rank| if rank == 1 { "largest".into() } else { format!("{rank}.") });
    Some(PictureTable {
        stem: "channels".into(),
        title: format!("Channel images of a sample of class {}", sample.class),
        caption: "Decoded from the activations of all channels, of none (zeros), and of one channel alone, minus the image \
                  of none; channels are numbered, and those with the largest activations come first. Grey is no contribution, and all \
                  channels of a layer have one scale. With linear decoders, the image of none and those of all channels \
                  sum up to the whole."
            .into(),
        columns: heads.into_iter().chain(ranks).collect(),
        rows: channels.iter().map(row).collect(),
    })
}
