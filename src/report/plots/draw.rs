//! Draws a chart with plotters, for the page and as a file of its own.

use std::fmt::Write as _;

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::element::{Drawable, PointCollection};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters_backend::{BackendCoord, DrawingErrorKind};

use super::chart::{Area, Axis, Chart, Glyph, Key, Layer, Marks, Swatch};
use super::surface::{Canvas, Surface, UNITS, escaped};
use super::{Frame, ticks};

/// The width of a chart before a script fits it to its page, in pixels.
pub(crate) const WIDTH: f64 = 960.0;
/// Space for the labels of the upright axis, in pixels.
pub(crate) const LEFT: f64 = 68.0;
/// Space to the right of the plotting area, in pixels.
pub(crate) const RIGHT: f64 = 12.0;
/// Space above the plotting area, in pixels.
pub(crate) const TOP: f64 = 8.0;
/// Space for the labels of time, in pixels.
pub(crate) const BOTTOM: f64 = 24.0;

type Plane = DrawingArea<Surface, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

const INFALLIBLE: &str = "the surface never fails, and one area at a time draws on it";

/// The height of the whole chart, in pixels.
pub(crate) fn height(chart: &Chart) -> f64 {
    TOP + f64::from(chart.height) + BOTTOM
}

/// The chart as an element of a page.
pub(crate) fn inline(chart: &Chart, frame: &Frame) -> String {
    let (id, height) = (chart.id, height(chart));
    format!(
        "<svg class=\"chart\" id=\"chart-{id}\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
         aria-labelledby=\"title-{id} desc-{id}\"><title id=\"title-{id}\">{}</title>\
         <desc id=\"desc-{id}\">{}</desc>{}</svg>",
        escaped(chart.title),
        escaped(&chart.caption),
        body(chart, frame)
    )
}

/// The chart as a file: with its title, its legend and its colours.
pub(crate) fn standalone(chart: &Chart, frame: &Frame) -> String {
    let mut legend = String::new();
    let (mut x, mut y) = (LEFT, 52.0);
    let faults = frame.kinds.iter().enumerate().map(|(kind, name)| Key {
        class: format!("band k{}", kind % 8),
        swatch: Swatch::Box,
        label: name.clone(),
    });
    let shown = faults.filter(|_| chart.id != "faults");
    for key in chart.legend.iter().cloned().chain(shown) {
        let width = 34.0 + key.label.chars().count() as f64 * 6.7;
        if x + width > WIDTH - RIGHT && x > LEFT {
            (x, y) = (LEFT, y + 18.0);
        }
        let _ = write!(
            legend,
            "<g transform=\"translate({x} {})\">{}</g><text x=\"{}\" y=\"{y}\">{}</text>",
            y - 10.0,
            swatch(&key),
            x + 20.0,
            escaped(&key.label)
        );
        x += width;
    }
    let head = if legend.is_empty() { 36.0 } else { y + 8.0 };
    let height = height(chart) + head;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" viewBox=\"0 0 {WIDTH} {height}\" \
         width=\"{WIDTH}\" height=\"{height}\" role=\"img\"><title>{title}</title><desc>{}</desc>\
         <style>{style}</style><rect class=\"paper\" width=\"{WIDTH}\" height=\"{height}\"/>\
         <text class=\"title\" x=\"{LEFT}\" y=\"26\">{title}</text>{legend}\
         <g transform=\"translate(0 {head})\">{}</g></svg>\n",
        escaped(&chart.caption),
        body(chart, frame),
        title = escaped(chart.title),
        style = super::super::page::chart_style(),
    )
}

/// What a legend shows beside a meaning: 14 pixels wide, 12 high.
pub(crate) fn swatch(key: &Key) -> String {
    let class = escaped(&key.class);
    match key.swatch {
        Swatch::Point(glyph) => format!(
            "<path class=\"{class} {}\" transform=\"translate(7 6) scale({})\" d=\"M0 0{}\"/>",
            glyph.class(),
            // A point is small, and its shape is what the legend is about.
            if glyph == Glyph::Ring { 1.0 } else { 1.4 },
            glyph.path()
        ),
        Swatch::Line => format!("<path class=\"{class}\" d=\"M0 6H14\"/>"),
        Swatch::Box => {
            format!("<rect class=\"{class}\" x=\"1\" y=\"1\" width=\"12\" height=\"10\"/>")
        }
    }
}

fn body(chart: &Chart, frame: &Frame) -> String {
    let canvas = Canvas::default();
    let inner = (WIDTH - LEFT - RIGHT, f64::from(chart.height));
    canvas.raw(&format!(
        "<clipPath id=\"clip-{}\"><rect x=\"{LEFT}\" y=\"{TOP}\" width=\"{}\" height=\"{}\"/></clipPath>",
        chart.id, inner.0, inner.1
    ));
    let root = canvas.surface(WIDTH, height(chart)).into_drawing_area();
    let plane = plane(&root, frame.end);
    if chart.id != "faults" {
        canvas.open(&format!(
            "class=\"bands\" clip-path=\"url(#clip-{})\"",
            chart.id
        ));
        for band in &frame.bands {
            canvas.open(&format!("class=\"band k{}\"", band.kind % 8));
            canvas.raw(&format!("<title>{}</title>", escaped(&band.title)));
            rectangle(&plane, band.from, band.to, 0.0, 1.0);
            canvas.close();
        }
        canvas.close();
    }
    upright(&canvas, &root, &plane, chart, frame);
    canvas.open("class=\"xt\"");
    for tick in ticks::times(0.0, frame.end, 8) {
        line(&plane, [(tick.at, 0.0), (tick.at, 1.0)]);
    }
    for tick in ticks::times(0.0, frame.end, 8) {
        let (x, y) = plane.map_coordinate(&(tick.at, 0.0));
        text(
            &root,
            &tick.label,
            (x, y + (7.0 * UNITS) as i32),
            HPos::Center,
            VPos::Top,
        );
    }
    canvas.close();
    canvas.open(&format!(
        "class=\"plot\" clip-path=\"url(#clip-{})\"",
        chart.id
    ));
    for layer in &chart.layers {
        draw_layer(&canvas, &plane, &chart.axis, layer);
    }
    canvas.close();
    canvas.finish()
}

/// The plotting area: seconds to the right, 0 to 1 upwards.
fn plane(root: &DrawingArea<Surface, Shift>, end: f64) -> Plane {
    let units = |pixels: f64| (pixels * UNITS) as i32;
    let inner = root.margin(units(TOP), units(BOTTOM), units(LEFT), units(RIGHT));
    // Pixels count from above, values from below.
    let (across, down) = inner.get_pixel_range();
    inner.apply_coord_spec(Cartesian2d::<RangedCoordf64, RangedCoordf64>::new(
        0.0..end,
        0.0..1.0,
        (across, down.end..down.start),
    ))
}

/// Lines and labels of the upright axis.
fn upright(
    canvas: &Canvas,
    root: &DrawingArea<Surface, Shift>,
    plane: &Plane,
    chart: &Chart,
    frame: &Frame,
) {
    let axis = &chart.axis;
    canvas.open("class=\"grid\"");
    let at: Vec<f64> = if axis.is_lanes {
        (0..=axis.ticks.len()).map(|lane| lane as f64).collect()
    } else {
        let ticks = axis.ticks.iter().map(|tick| tick.at);
        std::iter::once(axis.from).chain(ticks).collect()
    };
    for value in at {
        let y = axis.place(value);
        line(plane, [(0.0, y), (frame.end, y)]);
    }
    canvas.close();
    canvas.open("class=\"yt\"");
    for tick in &axis.ticks {
        let (x, y) = plane.map_coordinate(&(0.0, axis.place(tick.at)));
        let label = super::super::phrase::shortened(&tick.label, 9);
        text(
            root,
            &label,
            (x - (8.0 * UNITS) as i32, y),
            HPos::Right,
            VPos::Center,
        );
    }
    canvas.close();
}

fn draw_layer(canvas: &Canvas, plane: &Plane, axis: &Axis, layer: &Layer) {
    let open = |class: &str| canvas.open(&format!("class=\"{}\"", escaped(class)));
    match &layer.marks {
        Marks::Points(glyph, points) => {
            open(&format!("{} {}", layer.class, glyph.class()));
            for &(x, y) in points {
                plane
                    .draw(&Marker {
                        at: (x, axis.place(y)),
                        glyph: *glyph,
                    })
                    .expect(INFALLIBLE);
            }
        }
        Marks::Lines(lines) => {
            open(&layer.class);
            for points in lines {
                line(plane, points.iter().map(|&(x, y)| (x, axis.place(y))));
            }
        }
        Marks::Boxes(areas) => {
            open(&layer.class);
            for area in areas {
                draw_area(plane, axis, area);
            }
        }
        Marks::Titled(areas) => {
            open(&layer.class);
            for (area, title) in areas {
                canvas.raw(&format!("<g><title>{}</title>", escaped(title)));
                draw_area(plane, axis, area);
                canvas.raw("</g>");
            }
        }
    }
    canvas.close();
}

fn draw_area(plane: &Plane, axis: &Axis, area: &Area) {
    rectangle(
        plane,
        area.from,
        area.to,
        axis.place(area.low),
        axis.place(area.high),
    );
}

fn rectangle(plane: &Plane, from: f64, to: f64, low: f64, high: f64) {
    plane
        .draw(&Rectangle::new([(from, high), (to, low)], BLACK.filled()))
        .expect(INFALLIBLE);
}

fn line(plane: &Plane, points: impl IntoIterator<Item = (f64, f64)>) {
    plane
        .draw(&PathElement::new(
            points.into_iter().collect::<Vec<_>>(),
            BLACK,
        ))
        .expect(INFALLIBLE);
}

fn text(
    root: &DrawingArea<Surface, Shift>,
    text: &str,
    at: (i32, i32),
    across: HPos,
    upright: VPos,
) {
    let style =
        TextStyle::from(("sans-serif", 12.0 * UNITS).into_font()).pos(Pos::new(across, upright));
    root.draw_text(text, &style, at).expect(INFALLIBLE);
}

/// A glyph at a point, as an element of plotters.
struct Marker {
    at: (f64, f64),
    glyph: Glyph,
}

impl<'a> PointCollection<'a, (f64, f64)> for &'a Marker {
    type Point = &'a (f64, f64);
    type IntoIter = std::iter::Once<&'a (f64, f64)>;

    fn point_iter(self) -> Self::IntoIter {
        std::iter::once(&self.at)
    }
}

impl Drawable<Surface> for Marker {
    fn draw<I: Iterator<Item = BackendCoord>>(
        &self,
        points: I,
        surface: &mut Surface,
        _: (u32, u32),
    ) -> Result<(), DrawingErrorKind<std::convert::Infallible>> {
        for point in points {
            surface.canvas().glyph(point, self.glyph);
        }
        Ok(())
    }
}
