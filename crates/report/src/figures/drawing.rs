//! A finished drawing, as a file or as an element of a page.

use std::fmt::Write as _;

use crate::{Error, Result};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use plotters::prelude::*;
use resvg::{tiny_skia, usvg};

use super::{
    Figure, Hover, Layout,
    canvas::{Canvas, Rect, UNITS, Underlay},
    text,
};

/// Ink colour as written by plotters.
const INK: &str = "#1B1F24";

/// Bitmap pixels per pixel of the page.
const PNG_SCALE: f32 = 2.0;

/// Figure drawn in one layout.
pub(crate) struct Drawing {
    /// Elements of an SVG document, without the enclosing element and without the underlays.
    body: String,
    underlays: Vec<Underlay>,
    /// Size in canvas units.
    width: i32,
    height: i32,
    /// Hover targets.
    pub(crate) hover: Hover,
}

impl Drawing {
    pub(super) fn of(figure: &dyn Figure, layout: Layout) -> Result<Self> {
        text::register()?;
        let (width, height) = figure.size(layout);
        let mut svg = String::new();
        let (hover, underlays) = {
            let size = (width.unsigned_abs(), height.unsigned_abs());
            let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
            let mut canvas = Canvas { area, underlays: Vec::new() };
            let hover = figure.draw(&mut canvas, layout)?;
            canvas.area.present()?;
            (hover, canvas.underlays)
        };
        let start = svg.find('>').ok_or(Error::Svg)? + 1;
        let end = svg.rfind("</svg>").ok_or(Error::Svg)?;
        let body = text::with_subscripts(&svg[start..end]);
        Ok(Self { body, underlays, width, height, hover })
    }

    /// Renders an SVG file on white.
    pub(crate) fn to_svg(&self) -> String {
        let Self { body, underlays, width, height, .. } = self;
        let images = images(underlays);
        self.document(&format!(
            "<rect width=\"{width}\" height=\"{height}\" fill=\"#FFFFFF\"/>\n{images}{body}"
        ))
    }

    /// An SVG document of the drawing's size around `elements`.
    fn document(&self, elements: &str) -> String {
        let Self { width, height, .. } = self;
        let (w, h) = (width / UNITS, height / UNITS);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {width} {height}\">\n\
             {elements}</svg>\n"
        )
    }

    /// Renders a PNG file, twice as large as the SVG.
    ///
    /// # Errors
    /// If the drawing cannot be rasterised.
    pub(crate) fn to_png(&self) -> Result<Vec<u8>> {
        let mut options = usvg::Options::default();
        let fonts = options.fontdb_mut();
        fonts.load_font_data(dejavu::sans::regular().to_vec());
        fonts.load_font_data(dejavu::sans::bold().to_vec());
        fonts.set_sans_serif_family("DejaVu Sans");
        let tree = usvg::Tree::from_str(&self.document(&self.body), &options)?;
        let size = tree.size().to_int_size().scale_by(PNG_SCALE).ok_or(Error::PictureSize)?;
        let mut pixels =
            tiny_skia::Pixmap::new(size.width(), size.height()).ok_or(Error::PictureSize)?;
        pixels.fill(tiny_skia::Color::WHITE);
        for underlay in &self.underlays {
            underlay.paint(&mut pixels)?;
        }
        let scale = tiny_skia::Transform::from_scale(PNG_SCALE, PNG_SCALE);
        resvg::render(&tree, scale, &mut pixels.as_mut());
        Ok(pixels.encode_png()?)
    }

    /// Renders an element of a page, in the page's text colour.
    pub(crate) fn to_inline(&self, class: &str) -> String {
        let Self { body, underlays, width, height, .. } = self;
        let images = images(underlays);
        format!(
            "<svg class=\"{class}\" viewBox=\"0 0 {width} {height}\" aria-hidden=\"true\">\n{images}{}</svg>",
            body.replace(INK, "currentColor")
        )
    }
}

impl Underlay {
    /// Paints the bitmap at its place in a PNG file of the whole drawing. This keeps decoders of other formats out of
    /// the program.
    fn paint(&self, pixels: &mut tiny_skia::Pixmap) -> Result<()> {
        let bitmap = tiny_skia::Pixmap::decode_png(&self.png).map_err(|_| Error::PictureSize)?;
        let pixel = PNG_SCALE / UNITS as f32;
        let Rect { left, top, .. } = self.rect;
        let (width, height) = (self.rect.width() as f32, self.rect.height() as f32);
        let place = tiny_skia::Transform::from_row(
            pixel * width / bitmap.width() as f32,
            0.0,
            0.0,
            pixel * height / bitmap.height() as f32,
            pixel * left as f32,
            pixel * top as f32,
        );
        let paint = tiny_skia::PixmapPaint {
            quality: tiny_skia::FilterQuality::Nearest,
            ..Default::default()
        };
        pixels.draw_pixmap(0, 0, bitmap.as_ref(), &paint, place, None);
        Ok(())
    }
}

fn images(underlays: &[Underlay]) -> String {
    underlays.iter().fold(String::new(), |mut out, Underlay { rect, png }| {
        let (x, y, width, height) = (rect.left, rect.top, rect.width(), rect.height());
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "<image x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" preserveAspectRatio=\"none\" \
             image-rendering=\"optimizeSpeed\" style=\"image-rendering:pixelated\" href=\"data:image/png;base64,{}\"/>",
            BASE64.encode(png)
        );
        out
    })
}
