//! Where plotters draws: SVG whose colours come from a style sheet.
//!
//! The backend that comes with plotters writes a coloured element for each point. This one joins what one layer draws
//! to one path without a colour, under a group that carries the style's name: a tenth of the bytes, and the page can
//! be light or dark. Coordinates are tenths of a pixel, because plotters counts whole ones.

use std::cell::RefCell;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::rc::Rc;

use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind,
};

use super::chart::Glyph;

/// Surface units in a pixel.
pub(super) const UNITS: f64 = 10.0;

/// The text of an SVG that is being drawn.
#[derive(Default)]
pub(super) struct Document {
    out: String,
    path: String,
}

/// A handle on a document that groups and titles what plotters draws.
#[derive(Clone, Default)]
pub(super) struct Canvas(Rc<RefCell<Document>>);

impl Canvas {
    /// A surface of this size, in pixels, for plotters.
    pub(super) fn surface(&self, width: f64, height: f64) -> Surface {
        Surface {
            canvas: self.clone(),
            size: ((width * UNITS) as u32, (height * UNITS) as u32),
        }
    }

    /// Begins a group with a style and other attributes, which must be well-formed.
    pub(super) fn open(&self, attributes: &str) {
        let mut document = self.0.borrow_mut();
        document.flush();
        let _ = write!(document.out, "<g {attributes}>");
    }

    /// Ends a group.
    pub(super) fn close(&self) {
        let mut document = self.0.borrow_mut();
        document.flush();
        document.out.push_str("</g>");
    }

    /// Ends the path that is being drawn, and writes this behind it.
    pub(super) fn raw(&self, markup: &str) {
        let mut document = self.0.borrow_mut();
        document.flush();
        document.out.push_str(markup);
    }

    /// All that was drawn.
    pub(super) fn finish(&self) -> String {
        let mut document = self.0.borrow_mut();
        document.flush();
        std::mem::take(&mut document.out)
    }

    /// Draws a glyph around a point.
    pub(super) fn glyph(&self, (x, y): BackendCoord, glyph: Glyph) {
        let mut document = self.0.borrow_mut();
        document.path.push('M');
        document.pair((x, y));
        document.path.push_str(glyph.path());
    }
}

impl Document {
    fn flush(&mut self) {
        if !self.path.is_empty() {
            let _ = write!(self.out, "<path d=\"{}\"/>", self.path);
            self.path.clear();
        }
    }

    fn number(&mut self, units: i32) {
        let (sign, units) = (if units < 0 { "-" } else { "" }, units.unsigned_abs());
        let _ = match (units / 10, units % 10) {
            (whole, 0) => write!(self.path, "{sign}{whole}"),
            (whole, tenth) => write!(self.path, "{sign}{whole}.{tenth}"),
        };
    }

    fn pair(&mut self, (x, y): BackendCoord) {
        self.number(x);
        if y >= 0 {
            self.path.push(' ');
        }
        self.number(y);
    }
}

/// `text` for the content or an attribute of an element. Characters that XML forbids become the replacement character.
pub(in crate::report) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' => out.push(' '),
            c if c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}') => {
                out.push(char::REPLACEMENT_CHARACTER);
            }
            c => out.push(c),
        }
    }
    out
}

/// The drawing surface that plotters is given.
pub(super) struct Surface {
    canvas: Canvas,
    size: (u32, u32),
}

impl Surface {
    /// The canvas it draws on.
    pub(super) fn canvas(&self) -> &Canvas {
        &self.canvas
    }
}

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

impl DrawingBackend for Surface {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        self.size
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, (x, y): BackendCoord, _: BackendColor) -> Drawn {
        let mut document = self.canvas.0.borrow_mut();
        document.path.push('M');
        document.pair((x, y));
        document.path.push_str("h.1");
        Ok(())
    }

    fn draw_line<S: BackendStyle>(
        &mut self,
        from: BackendCoord,
        to: BackendCoord,
        style: &S,
    ) -> Drawn {
        self.draw_path([from, to], style)
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        (left, top): BackendCoord,
        (right, bottom): BackendCoord,
        _: &S,
        _: bool,
    ) -> Drawn {
        let mut document = self.canvas.0.borrow_mut();
        document.path.push('M');
        document.pair((left, top));
        document.path.push('H');
        document.number(right);
        document.path.push('V');
        document.number(bottom);
        document.path.push('H');
        document.number(left);
        document.path.push('z');
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        _: &S,
    ) -> Drawn {
        let mut document = self.canvas.0.borrow_mut();
        for (i, point) in path.into_iter().enumerate() {
            document.path.push(if i == 0 { 'M' } else { 'L' });
            document.pair(point);
        }
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(
        &mut self,
        (x, y): BackendCoord,
        radius: u32,
        _: &S,
        _: bool,
    ) -> Drawn {
        let r = radius as i32;
        let mut document = self.canvas.0.borrow_mut();
        document.path.push('M');
        document.pair((x - r, y));
        for across in [2 * r, -2 * r] {
            document.path.push('a');
            document.pair((r, r));
            document.path.push_str(" 0 1 0 ");
            document.pair((across, 0));
        }
        document.path.push('z');
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        corners: I,
        style: &S,
    ) -> Drawn {
        self.draw_path(corners, style)?;
        self.canvas.0.borrow_mut().path.push('z');
        Ok(())
    }

    fn draw_text<T: BackendTextStyle>(
        &mut self,
        text: &str,
        style: &T,
        (x, y): BackendCoord,
    ) -> Drawn {
        let anchor = match style.anchor().h_pos {
            HPos::Left => "start",
            HPos::Right => "end",
            HPos::Center => "middle",
        };
        let baseline = match style.anchor().v_pos {
            VPos::Top => ".8em",
            VPos::Center => ".35em",
            VPos::Bottom => "-.2em",
        };
        let mut document = self.canvas.0.borrow_mut();
        document.flush();
        let _ = write!(
            document.out,
            "<text x=\"{}\" y=\"{}\" dy=\"{baseline}\" text-anchor=\"{anchor}\">{}</text>",
            f64::from(x) / UNITS,
            f64::from(y) / UNITS,
            escaped(text)
        );
        Ok(())
    }

    fn estimate_text_size<T: BackendTextStyle>(
        &self,
        text: &str,
        style: &T,
    ) -> Result<(u32, u32), DrawingErrorKind<Infallible>> {
        let height = style.size();
        let width = text.chars().count() as f64 * height * 0.6;
        Ok((width.ceil() as u32, height.ceil() as u32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plotters::prelude::*;

    #[test]
    fn one_layer_is_one_path() {
        let canvas = Canvas::default();
        {
            let area = canvas.surface(100.0, 50.0).into_drawing_area();
            canvas.open("class=\"a\"");
            area.draw(&PathElement::new([(0, 0), (105, 7)], BLACK))
                .unwrap();
            area.draw(&Rectangle::new([(10, 20), (30, 40)], BLACK.filled()))
                .unwrap();
            canvas.close();
            canvas.glyph((55, 10), Glyph::Square);
        }
        assert_eq!(
            canvas.finish(),
            "<g class=\"a\"><path d=\"M0 0L10.5 0.7M1 2H3V4H1z\"/></g>\
             <path d=\"M5.5 1m-2.1-2.1h4.2v4.2h-4.2z\"/>"
        );
    }

    #[test]
    fn text_from_outside_is_inert() {
        assert_eq!(
            escaped("</text><script x='\"&\u{0}"),
            "&lt;/text&gt;&lt;script x=&#39;&quot;&amp;\u{fffd}"
        );
    }
}
