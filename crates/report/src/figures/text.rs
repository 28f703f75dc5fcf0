//! Text of figures: font, width and subscripts.

use std::sync::OnceLock;

use crate::{Error, Result};
use plotters::{
    prelude::*,
    style::{
        register_font,
        text_anchor::{HPos, Pos, VPos},
    },
};

use super::{canvas::Canvas, palette::INK};
use crate::vocabulary::split_subscript;

/// Font family in SVG files; the reader's font of that kind is used.
const FAMILY: &str = "sans-serif";

/// Factor by which plotters divides sizes in SVG.
const PLOTTERS_SIZE: f64 = 1.24;

/// Registers the font for text measurement with plotters.
///
/// # Errors
/// If the font does not load.
pub(super) fn register() -> Result<()> {
    static REGISTERED: OnceLock<bool> = OnceLock::new();
    let registered = REGISTERED.get_or_init(|| {
        register_font(FAMILY, FontStyle::Normal, dejavu::sans::regular()).is_ok()
            && register_font(FAMILY, FontStyle::Bold, dejavu::sans::bold()).is_ok()
    });
    if *registered { Ok(()) } else { Err(Error::Font) }
}

/// Text style in ink, `size` canvas units high.
pub(super) fn style(size: i32) -> TextStyle<'static> {
    (FAMILY, f64::from(size) * PLOTTERS_SIZE).into_font().color(&INK)
}

/// Writes `text` with its left, middle or right end at `x` and its vertical centre at `y`.
///
/// # Errors
/// If drawing on the canvas fails.
pub(super) fn write(
    canvas: &Canvas<'_>,
    text: &str,
    (x, y): (i32, i32),
    size: i32,
    anchor: HPos,
) -> Result<()> {
    write_styled(canvas, text, (x, y), &style(size), anchor)
}

/// Like [`write`], in bold.
///
/// # Errors
/// If drawing on the canvas fails.
pub(super) fn write_bold(canvas: &Canvas<'_>, text: &str, at: (i32, i32), size: i32) -> Result<()> {
    let bold = (FAMILY, f64::from(size) * PLOTTERS_SIZE, FontStyle::Bold).into_font().color(&INK);
    write_styled(canvas, text, at, &bold, HPos::Left)
}

/// Like [`write`], centred, in a colour that the page keeps.
///
/// # Errors
/// If drawing on the canvas fails.
pub(super) fn write_colored(
    canvas: &Canvas<'_>,
    text: &str,
    at: (i32, i32),
    size: i32,
    color: RGBColor,
) -> Result<()> {
    let style = (FAMILY, f64::from(size) * PLOTTERS_SIZE).into_font().color(&color);
    write_styled(canvas, text, at, &style, HPos::Center)
}

/// Like [`write`], rotated to read upwards, centred at `at`.
///
/// # Errors
/// If drawing on the canvas fails.
pub(super) fn write_upwards(
    canvas: &Canvas<'_>,
    text: &str,
    at: (i32, i32),
    size: i32,
) -> Result<()> {
    let upwards = style(size).transform(FontTransform::Rotate270);
    write_styled(canvas, text, at, &upwards, HPos::Center)
}

fn write_styled(
    canvas: &Canvas<'_>,
    text: &str,
    at: (i32, i32),
    style: &TextStyle<'_>,
    anchor: HPos,
) -> Result<()> {
    let style = style.pos(Pos::new(anchor, VPos::Center));
    canvas.area.draw(&Text::new(text.to_owned(), at, style))?;
    Ok(())
}

/// Width of `text` in canvas units at `size`, in the font of the PNGs, which is a wide one.
pub(super) fn width(text: &str, size: i32) -> i32 {
    let plain: String = text.chars().filter(|character| *character != '_').collect();
    let measured = (FAMILY, f64::from(size) * PLOTTERS_SIZE).into_font().box_size(&plain);
    measured.map_or_else(|_| plain.chars().count() as i32 * size * 2 / 3, |(width, _)| width as i32)
}

/// Wraps `text` at spaces into lines of at most `wide` canvas units.
pub(super) fn wrapped(text: &str, size: i32, wide: i32) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(&format!("{line} {word}"), size) <= wide => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Lowers the subscripts of symbols such as `σ_w` and `ξ_c` in the text of an SVG drawing.
pub(super) fn with_subscripts(svg: &str) -> String {
    svg.split_inclusive('\n').map(lowered).collect()
}

fn lowered(line: &str) -> String {
    let mut rest = line.trim_end_matches('\n');
    let end = &line[rest.len()..];
    let mut out = String::new();
    let mut open = false;
    while let Some((before, subscript, after)) = split_subscript(rest) {
        out.push_str(before);
        if open {
            out.push_str("</tspan>");
        }
        // The second shift undoes the first; each is relative to its own font size.
        out.push_str("<tspan font-size=\"70%\" dy=\"0.3em\">");
        out.push(subscript);
        out.push_str("</tspan><tspan dy=\"-0.21em\">");
        open = true;
        rest = after;
    }
    out.push_str(rest);
    if open {
        out.push_str("</tspan>");
    }
    out + end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn baseline_returns_after_subscripts() {
        let lowered = with_subscripts("<text>\n6 ξ_c, σ_w² = 1\n</text>\n");
        let subscript = |letter| {
            format!("<tspan font-size=\"70%\" dy=\"0.3em\">{letter}</tspan><tspan dy=\"-0.21em\">")
        };
        let expected = format!(
            "<text>\n6 ξ{}, σ</tspan>{}² = 1</tspan>\n</text>\n",
            subscript('c'),
            subscript('w')
        );
        assert_eq!(lowered, expected);
    }

    #[test]
    fn other_underscores_stay() {
        assert_eq!(with_subscripts("my_data_set\nσ_"), "my_data_set\nσ_");
    }

    #[test]
    fn font_has_all_used_glyphs() {
        register().unwrap();
        // A missing glyph would be measured as wide as the replacement glyph.
        let missing = width("\u{10FFFF}", 400);
        for sign in "σξχλ²·×\u{2013}\u{2212}±\u{2265}".chars() {
            assert_ne!(width(&sign.to_string(), 400), missing, "{sign}");
        }
    }

    #[test]
    fn lines_wrap_at_spaces() {
        register().unwrap();
        let lines = wrapped("one two three four five six", 40, 300);
        assert!(lines.len() > 1);
        assert_eq!(lines.join(" "), "one two three four five six");
    }
}
