use super::{super::draw, *};

/// A network of `depth` layers whose activations shrink.
fn shrinking(depth: usize) -> LayerValues {
    LayerValues {
        depth,
        mean_square: (0..depth).map(|layer| 0.5f64.powi(layer as i32)).collect(),
        ln_gradient: (0..depth).map(|layer| layer as f64 - 2000.0).collect(),
        reconstruction_error: vec![0.25; depth - 1],
        rank: vec![12.0; depth - 1],
        dead: vec![0.0; depth - 1],
        saturated: vec![0.0; depth - 1],
        ..LayerValues::default()
    }
}

fn reason(layer: Option<usize>) -> Reason {
    Reason { sentence: "something".into(), layer }
}

fn titles(figure: &LayerPanels) -> Vec<&str> {
    figure.panels.iter().map(Panel::title).collect()
}

#[test]
fn panels_without_content_are_left_out_with_a_reason() {
    let figure = LayerPanels::of(&shrinking(4), &[]);
    let expected =
        ["mean square of activations", "gradient norm", "reconstruction error", "effective rank"];
    assert_eq!(titles(&figure), expected);
    assert_eq!(
        figure.left_out(),
        ["Not drawn, because it is 0 in every layer: dead units, saturation."]
    );
    let dead = LayerValues { dead: vec![0.0, 0.5, 0.0], ..shrinking(4) };
    let figure = LayerPanels::of(&dead, &[]);
    assert_eq!(titles(&figure).last(), Some(&"dead units"));
    let none = LayerValues { no_reconstruction: Some("too much work".into()), ..shrinking(4) };
    let none = LayerValues { reconstruction_error: Vec::new(), ..none };
    let figure = LayerPanels::of(&none, &[]);
    assert!(!titles(&figure).contains(&"reconstruction error"));
    assert!(figure.left_out()[0].ends_with("too much work."), "{:?}", figure.left_out());
}

#[test]
fn layers_go_downwards_and_have_their_values() {
    for layout in [Layout::Wide, Layout::Narrow] {
        let figure = LayerPanels::of(&shrinking(100), &[reason(Some(15)), reason(None)]);
        let marks = draw(&figure, layout).unwrap().hover.marks;
        assert_eq!(marks.len(), 2 * 100 + 2 * 99);
        let [first, second, third] = &marks[..3] else { panic!("three layers") };
        assert!(first.y < second.y && second.y < third.y, "downwards");
        assert!(first.x > second.x && second.x > third.x, "shrinking");
        assert_eq!(second.text, "layer 2: mean square of activations 0.5");
        // Numbers beyond the range of f64 have their power of ten.
        assert_eq!(marks[100].text, "layer 1: gradient norm 1e\u{2212}869");
    }
}

#[test]
fn reasons_share_the_label_of_their_layer() {
    let reasons = [Some(7), None, Some(3), Some(7), Some(99)].map(reason);
    let figure = LayerPanels::of(&shrinking(9), &reasons);
    let expected = [(3, "no. 3".to_owned()), (7, "nos. 1, 4".to_owned())];
    assert_eq!(figure.rows.marks(), expected);
    let svg = draw(&figure, Layout::Wide).unwrap().to_svg();
    assert!(svg.contains("nos. 1, 4") && svg.contains("layer named in the list above"), "{svg}");
}

#[test]
fn layers_after_an_overflow_have_no_values() {
    let values = LayerValues {
        depth: 100,
        overflow: Some(32),
        mean_square: (1..32).map(|layer| 256f64.powi(layer)).collect(),
        ..LayerValues::default()
    };
    let figure = LayerPanels::of(&values, &[reason(Some(32))]);
    assert_eq!(titles(&figure), ["mean square of activations"]);
    assert!(figure.left_out()[0].contains("layer 32"));
    let svg = draw(&figure, Layout::Wide).unwrap().to_svg();
    assert!(svg.contains("no values from layer 32 on"), "{svg}");
}

#[test]
fn networks_of_one_layer_can_be_drawn() {
    let values = LayerValues {
        depth: 1,
        mean_square: vec![0.0],
        ln_gradient: vec![-1.0],
        ..LayerValues::default()
    };
    let figure = LayerPanels::of(&values, &[]);
    assert_eq!(titles(&figure), ["gradient norm"]);
    assert_eq!(figure.left_out().len(), 2);
    for layout in [Layout::Wide, Layout::Narrow] {
        draw(&figure, layout).unwrap();
    }
    assert!(LayerPanels::of(&LayerValues::default(), &[]).is_empty());
}
