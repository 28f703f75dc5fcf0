//! Sequential readers of the files of one split.

use crate::cifar::{self, RECORD};
use crate::collect::{Collector, Conversion};
use crate::error::{Error, Result, io};
use crate::idx;
use crate::layout::Located;
use crate::manifest::{Content, Format, Manifest};
use crate::select::Selection;
use crate::source::Source;

/// Number of labels per read.
const CHUNK: usize = 4096;

/// Counts the samples of a split from the headers or lengths of its files.
///
/// # Errors
/// [`Error::Malformed`] if there are no samples or more than published; errors of reading.
pub(crate) fn count(manifest: &Manifest, files: &[Located]) -> Result<usize> {
    match manifest.format {
        Format::Idx => {
            let labels = with_content(files, Content::Labels);
            let mut source = Source::open(&labels.path)?;
            read_count::<1>(&mut source, labels).map(|[n_labels]| n_labels)
        }
        Format::Cifar10 => files.iter().map(|located| count_records(manifest, located)).sum(),
    }
}

/// Reads all files into `collector` and returns the SHA-256 of each uncompressed file in the order of `files`.
///
/// # Errors
/// [`Error::Malformed`], [`Error::Compression`], [`Error::CountMismatch`] or [`Error::Io`].
pub(crate) fn read(
    manifest: &Manifest,
    files: &[Located],
    collector: &mut Collector,
) -> Result<Vec<String>> {
    match manifest.format {
        Format::Idx => {
            files.iter().map(|located| read_idx(manifest, files, located, collector)).collect()
        }
        Format::Cifar10 => {
            files.iter().map(|located| read_batch(manifest, located, collector)).collect()
        }
    }
}

/// Reads all files without keeping samples and returns the SHA-256 of each uncompressed file.
///
/// # Errors
/// Errors of [`count`] and [`read`].
pub(crate) fn check(manifest: &Manifest, files: &[Located]) -> Result<Vec<String>> {
    let nothing = Selection::none(count(manifest, files)?);
    read(manifest, files, &mut Collector::new(nothing, Conversion::Scale, manifest.shape.len()))
}

fn read_idx(
    manifest: &Manifest,
    files: &[Located],
    located: &Located,
    collector: &mut Collector,
) -> Result<String> {
    match located.file.content {
        Content::Labels => read_labels(manifest, located, collector),
        Content::Images | Content::Records => read_images(manifest, files, located, collector),
    }
}

fn read_labels(
    manifest: &Manifest,
    located: &Located,
    collector: &mut Collector,
) -> Result<String> {
    let mut source = Source::open(&located.path)?;
    let [n_labels] = read_count(&mut source, located)?;
    let mut chunk = [0; CHUNK];
    for start in (0..n_labels).step_by(CHUNK) {
        let offset = source.offset();
        let chunk = &mut chunk[..CHUNK.min(n_labels - start)];
        source.fill(chunk, "labels")?;
        let n_classes = manifest.classes.len();
        if let Some(at) = chunk.iter().position(|label| usize::from(*label) >= n_classes) {
            let expected = format!("a label below {n_classes}");
            return Err(source.malformed_at(offset + at as u64, expected, chunk[at].to_string()));
        }
        chunk.iter().for_each(|label| collector.label(*label));
    }
    source.finish()
}

fn read_images(
    manifest: &Manifest,
    files: &[Located],
    located: &Located,
    collector: &mut Collector,
) -> Result<String> {
    let mut source = Source::open(&located.path)?;
    let [n_images, height, width] = read_count(&mut source, located)?;
    let shape = manifest.shape;
    if (height, width) != (shape.height, shape.width) {
        let expected = format!("images of {} x {}", shape.height, shape.width);
        return Err(source.malformed_at(8, expected, format!("{height} x {width}")));
    }
    if n_images != collector.available() {
        return Err(Error::CountMismatch {
            images_file: located.path.display().to_string(),
            n_images,
            labels_file: with_content(files, Content::Labels).path.display().to_string(),
            n_labels: collector.available(),
        });
    }
    let mut image = vec![0; shape.len()];
    for _ in 0..n_images {
        source.fill(&mut image, "images")?;
        collector.image(&image);
    }
    source.finish()
}

fn read_batch(manifest: &Manifest, located: &Located, collector: &mut Collector) -> Result<String> {
    let source = Source::open(&located.path)?;
    cifar::read_records(source, manifest.classes.len(), located.file.samples, |label, pixels| {
        collector.label(label);
        collector.image(pixels);
    })
}

/// Reads the dimensions of an IDX header; the first one counts samples.
fn read_count<const N: usize>(source: &mut Source, located: &Located) -> Result<[usize; N]> {
    let dims = idx::read_dims(source)?;
    let Ok(dims) = <[usize; N]>::try_from(dims.as_slice()) else {
        let expected = format!("{N} dimension{}", if N == 1 { "" } else { "s" });
        return Err(source.malformed_at(3, expected, dims.len().to_string()));
    };
    let most = located.file.samples;
    if !(1..=most).contains(&dims[0]) {
        return Err(source.malformed_at(
            4,
            format!("a count of 1 to {most} samples"),
            dims[0].to_string(),
        ));
    }
    Ok(dims)
}

fn count_records(manifest: &Manifest, located: &Located) -> Result<usize> {
    let length = std::fs::metadata(&located.path).map_err(io("read", &located.path))?.len();
    if length == manifest.decoded_len(located.file) {
        return Ok(located.file.samples);
    }
    let mut n_records = 0;
    // The full read checks the number of classes along with everything else.
    cifar::read_records(Source::open(&located.path)?, 256, located.file.samples, |_, _| {
        n_records += 1
    })?;
    if n_records == 0 {
        return Err(Source::open(&located.path)?.malformed_at(
            0,
            format!("records of {RECORD} bytes"),
            "nothing",
        ));
    }
    Ok(n_records)
}

/// File with this content; every split of a checked manifest has one.
fn with_content<'a, 'b>(files: &'b [Located<'a>], content: Content) -> &'b Located<'a> {
    files
        .iter()
        .find(|located| located.file.content == content)
        .expect("manifests are checked to be complete")
}
