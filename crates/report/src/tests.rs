//! The report as a whole: every kind of run, every format.

use std::{fs, io::Cursor};

use isobath_entropy::EstimatorSpec;

use super::*;
use isobath_store::synthetic::{Options, run};

/// Writes the report of `run` in all formats, checks the common requirements and returns the page.
#[track_caller]
fn check(run: &RunRecord) -> String {
    let folder = tempfile::tempdir().unwrap();
    let written = write(run, folder.path(), &Format::ALL).unwrap();
    assert_eq!(written[0], folder.path().join("report.html"));
    for path in &written {
        let contents = fs::read(path).unwrap();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("png") => check_png(&contents, &path.with_extension("svg")),
            Some("svg") => check_svg(&contents),
            _ => assert!(!contents.is_empty(), "{}", path.display()),
        }
    }
    let page = fs::read_to_string(&written[0]).unwrap();
    check_offline(&page);
    page
}

/// Checks that a PNG decodes and is twice as large as its SVG.
#[track_caller]
fn check_png(contents: &[u8], svg: &Path) {
    let mut reader = png::Decoder::new(Cursor::new(contents)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut pixels).unwrap();
    let svg = fs::read_to_string(svg).unwrap();
    let size = format!("width=\"{}\" height=\"{}\"", frame.width / 2, frame.height / 2);
    assert!(svg.contains(&size), "{size} in {}", &svg[..200]);
    let first = &pixels[..4];
    assert!(pixels.chunks_exact(4).any(|pixel| pixel != first), "an empty figure");
}

#[test]
fn trainings_come_first() {
    let mut run = run(&Options { sigma_w2: vec![0.5, 1.5, 1.76, 3.0], ..Options::default() });
    let none: &[usize] = &[0, 0];
    let points = [(0.5, none), (1.5, &[10, 20]), (1.76, &[30, 30]), (3.0, &[20, 20])];
    isobath_store::synthetic::train(&mut run, &[10, 20, 30], &points);
    let page = check(&run);
    let chart = page.find("id=\"trainability-sgd-0.1-sigma_b2-0.05\"").expect("the chart is there");
    assert!(chart < page.find("id=\"phase-").unwrap());
    for part in
        ["accuracy 0.9, 2 of 2 seeds succeed", "Trainable depth", "Cost relative to training"]
    {
        assert!(page.contains(part), "{part}");
    }
}

/// The weight variance of such a point is a placeholder: its layers differ in their variances.
#[test]
fn hover_texts_name_an_initialisation_with_a_scale_of_its_own() {
    let mut run = run(&Options { sigma_w2: vec![1.5], variants: 2, ..Options::default() });
    let points: [(f64, &[usize]); 1] = [(1.5, &[10, 20])];
    isobath_store::synthetic::train(&mut run, &[10, 20, 30], &points);
    let variances = |run: &RunRecord| {
        let texts = figures::of(run).into_iter().flat_map(|figure| {
            let hover = figures::draw(figure.as_ref(), figures::Layout::Wide).unwrap().hover;
            hover.marks.into_iter().map(|mark| mark.text)
        });
        texts.filter(|text| text.contains("σ_w² = ")).count()
    };
    assert!(variances(&run) > 0);
    for variant in &mut run.variants {
        variant.scheme = Some("pytorch".into());
    }
    assert_eq!(variances(&run), 0);
}

#[track_caller]
fn check_svg(contents: &[u8]) {
    let text = std::str::from_utf8(contents).unwrap();
    resvg::usvg::Tree::from_str(text, &resvg::usvg::Options::default()).unwrap();
    assert!(!text.contains("NaN") && !text.contains("inf\""), "a place that is not a number");
}

/// Checks that the page loads nothing from outside.
#[track_caller]
fn check_offline(page: &str) {
    assert!(!page.contains("http://") && !page.contains("https://"), "an address in the page");
    for attribute in ["src=\"", "href=\""] {
        for target in page.split(attribute).skip(1) {
            let local = ["data:", "figures/", "csv/"].iter().any(|start| target.starts_with(start));
            assert!(local, "{attribute}{}", &target[..40]);
        }
    }
}

#[test]
fn several_seeds_and_failures() {
    let page = check(&run(&Options { seeds: 3, fail_every: 7, ..Options::default() }));
    assert!(page.contains("min\u{2013}max over 3 seeds"));
    assert!(page.contains("8 cells without a result"));
    assert!(page.contains("(loss &lt;nan&gt;)"), "failures are escaped");
    assert!(
        page.contains("href=\"figures/gallery.png\"") && page.contains("href=\"csv/cutoffs.csv\"")
    );
}

#[test]
fn several_bias_variances_and_colour_samples() {
    let options = Options {
        sigma_b2: vec![0.0, 0.05],
        shape: [3, 5, 4],
        estimators: vec![EstimatorSpec::RELATIVE],
        ..Options::default()
    };
    let page = check(&run(&options));
    assert!(
        page.contains("id=\"phase-relative-sigma_b2-0\"")
            && page.contains("id=\"phase-relative-sigma_b2-0.05\"")
    );
}

#[test]
fn one_point_and_one_layer() {
    check(&run(&Options { sigma_w2: vec![1.2], ..Options::default() }));
    check(&run(&Options { sigma_w2: vec![1.2], layers: 1, ..Options::default() }));
}

#[test]
fn failed_and_empty_runs() {
    let page = check(&run(&Options { fail_every: 1, ..Options::default() }));
    assert!(page.contains("No result: all 20 cells failed"));
    let mut nothing = run(&Options::default());
    nothing.cells.clear();
    assert!(check(&nothing).contains("No results yet: 0 of 20 cells computed."));
    nothing.estimators.clear();
    nothing.theory.clear();
    check(&nothing);
}

#[test]
fn non_finite_numbers() {
    let mut run = run(&Options { sigma_w2: vec![0.5, 1.0, 2.0], ..Options::default() });
    for record in &mut run.cells {
        for (index, layer) in
            record.profiles.iter_mut().flat_map(|profile| &mut profile.layers).enumerate()
        {
            layer.interval = Some((f64::NAN, f64::INFINITY));
            layer.value = if index % 3 == 0 { f64::NAN } else { layer.value };
        }
        for cutoff in &mut record.cutoffs {
            cutoff.depth = Some(f64::NAN);
        }
        for picture in &mut record.gallery {
            picture.pixels.truncate(3);
        }
    }
    run.curves[0].overlays[0].points[5].1 = Some(f64::INFINITY);
    run.curves[0].critical = None;
    check(&run);
}

#[test]
fn page_of_a_large_run_is_small() {
    let sigma_w2 = (1..=600).map(|step| f64::from(step) * 0.01).collect();
    let run = run(&Options { sigma_w2, layers: 198, gallery: 0, ..Options::default() });
    let folder = tempfile::tempdir().unwrap();
    let written = write(&run, folder.path(), &[Format::Html]).unwrap();
    let size = fs::metadata(&written[0]).unwrap().len();
    assert!(size < 8_000_000, "{size} bytes");
}

#[test]
fn user_text_is_escaped() {
    let mut run = run(&Options { sigma_w2: vec![1.0, 2.0], ..Options::default() });
    let nasty = "</script><script>alert(\"1\")</script> & more";
    for text in [
        &mut run.name,
        &mut run.description,
        &mut run.dataset,
        &mut run.variants[0].description,
        &mut run.command,
    ] {
        *text = nasty.into();
    }
    run.experiment_toml = nasty.into();
    run.environment.push((nasty.into(), nasty.into()));
    run.cells[0].cutoffs[0].depth = None;
    run.cells[0].cutoffs[0].note = Some(nasty.into());
    let page = check(&run);
    assert!(!page.contains("<script>alert"));
    assert!(
        page.contains(
            "&lt;/script&gt;&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; more"
        )
    );
}

#[test]
fn only_requested_formats_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(&Options { sigma_w2: vec![1.0, 2.0], ..Options::default() });
    let written = write(&run, folder.path(), &[Format::Csv]).unwrap();
    assert_eq!(written.len(), 5);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn reports_are_deterministic() {
    let run = run(&Options { sigma_w2: vec![1.0, 2.0], ..Options::default() });
    assert_eq!(check(&run), check(&run));
}
