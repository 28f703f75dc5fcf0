//! Gallery of reconstructions on the page; the columns wrap to the width of the window.

use crate::Result;
use crate::places::point_words;
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use maud::{Markup, html};

use super::words::symbols;
use isobath_analysis::points::{Point, slices};
use isobath_store::{GalleryRecord, RunRecord};

use crate::figures::{MAX_GALLERY_POINTS, MAX_GALLERY_SAMPLES, Scaling, shown_depths};

/// Renders samples and their reconstructions; empty if the run has none.
///
/// # Errors
/// If a picture cannot be encoded.
pub(super) fn gallery(run: &RunRecord) -> Result<Markup> {
    let slices = slices(run);
    let Some(slice) =
        slices.iter().find(|slice| slice.points.iter().any(|point| !point.pictures().is_empty()))
    else {
        return Ok(html! {});
    };
    let points = slice.representative(MAX_GALLERY_POINTS, |point| !point.pictures().is_empty());
    let roles = slice.roles(&points);
    let blocks = points
        .iter()
        .zip(roles)
        .map(|(point, role)| block(run, point, role))
        .collect::<Result<Vec<_>>>()?;
    Ok(html! {
        h3 { "Reconstructions" }
        p { "Probe samples and their reconstructions from increasing depth (first seed). Each reconstruction uses the \
             value range of its input." }
        @for block in &blocks { (block) }
    })
}

fn block(run: &RunRecord, point: &Point<'_>, role: &str) -> Result<Markup> {
    let pictures = point.pictures();
    let columns = shown_depths(pictures).into_iter().map(|depth| column(run, pictures, depth));
    let columns = columns.collect::<Result<Vec<_>>>()?;
    let name = point_words(run, point.id);
    let title = if role.is_empty() { name } else { format!("{name} ({role})") };
    Ok(html! {
        h4 { (symbols(&title)) }
        div.gallery { @for column in &columns { (column) } }
    })
}

fn column(run: &RunRecord, pictures: &[GalleryRecord], depth: usize) -> Result<Markup> {
    let label = if depth == 0 { "input".into() } else { format!("depth {depth}") };
    let mut shown = Vec::new();
    for picture in pictures
        .iter()
        .filter(|picture| picture.depth == depth && picture.sample < MAX_GALLERY_SAMPLES)
    {
        let input =
            pictures.iter().find(|other| other.depth == 0 && other.sample == picture.sample);
        let scaling = Scaling::of(input.map_or(&[], |input| &input.pixels));
        let png = BASE64.encode(scaling.png(run.shape, &picture.pixels)?);
        shown.push((
            format!("data:image/png;base64,{png}"),
            format!("sample {}, {label}", picture.sample + 1),
        ));
    }
    Ok(html! {
        div.column {
            span { (label) }
            @for (source, description) in &shown { img src=(source) alt=(description); }
        }
    })
}
