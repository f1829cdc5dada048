//! The operations of an anomaly, drawn to time scale: a lane for each process, a bar from invocation to completion.

use std::fmt::Write as _;

use schism_checkers::Anomaly;
use schism_history::{History, OpId, Operation, Outcome, Time};

use super::plots::{Frame, Tick, escaped, time_ticks};
use super::scale::Scale;
use super::{anomaly, number, phrase};

/// How much room there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// A desk's screen, or paper.
    Wide,
    /// A phone.
    Narrow,
}

/// So many operations are drawn at most; the table beside the picture has them all.
const OPERATIONS_MOST: usize = 40;
const BAR: f64 = 18.0;
const LINE: f64 = 17.0;
/// Pixels of a character, about.
const CHARACTER: f64 = 7.2;

struct Bar<'h> {
    operation: Operation<'h>,
    /// Its number in the story, from 1.
    badge: usize,
    is_contradiction: bool,
    lane: usize,
    text: String,
    /// Whether its text stands below its bar, because the one before it is in the way.
    is_below: bool,
}

/// The picture, as an SVG element.
pub(crate) fn svg(
    history: &History,
    anomaly: &Anomaly,
    frame: &Frame,
    id: &str,
    room: Room,
) -> String {
    let (width, left, right) = match room {
        Room::Wide => (960.0, 150.0, 944.0),
        Room::Narrow => (360.0, 8.0, 352.0),
    };
    let shown = &anomaly.operations[..anomaly.operations.len().min(OPERATIONS_MOST)];
    let intervals: Vec<(f64, Option<f64>)> = shown
        .iter()
        .map(|&id| {
            let operation = history.operation(id);
            (
                operation.invoked.as_secs_f64(),
                operation.completed.map(Time::as_secs_f64),
            )
        })
        .collect();
    // Text stands to the right of where its bar begins, so the last bar needs room.
    let room_for_text = if room == Room::Wide { 60.0 } else { 30.0 };
    let scale = Scale::new(&intervals, left + 4.0, right - room_for_text);
    let layout = Layout {
        names_keys: anomaly::names_keys(history, anomaly),
        contradiction: anomaly::contradiction(anomaly),
        right,
        room,
    };
    let (bars, lanes) = lay_out(history, shown, &layout, &scale);

    let mut body = String::new();
    let mut texts = String::new();
    let mut y = 22.0;
    let mut lane_middles = Vec::new();
    for (lane, label) in lanes.iter().enumerate() {
        let has_below = bars.iter().any(|bar| bar.lane == lane && bar.is_below);
        let label_height = if room == Room::Narrow { LINE } else { 0.0 };
        let top = y;
        y += label_height + LINE + 4.0;
        let bar_top = y;
        y += BAR + if has_below { LINE + 2.0 } else { 0.0 } + 12.0;
        lane_middles.push(bar_top + BAR / 2.0);
        let _ = match room {
            Room::Wide => write!(
                body,
                "<text class=\"lane\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
                left - 14.0,
                bar_top + BAR / 2.0 + 4.0,
                escaped(label)
            ),
            Room::Narrow => write!(
                body,
                "<text class=\"lane\" x=\"{left}\" y=\"{}\">{}</text>",
                top + 13.0,
                escaped(label)
            ),
        };
        let _ = write!(
            body,
            "<path class=\"track\" d=\"M{left} {0}H{right}\"/>",
            bar_top + BAR / 2.0
        );
        for bar in bars.iter().filter(|bar| bar.lane == lane) {
            draw_bar(&mut body, bar, &scale, bar_top, right);
            draw_text(&mut texts, bar, &scale, bar_top, right);
        }
    }
    let bottom = y;
    let mut out = format!(
        "<svg class=\"intervals {}\" viewBox=\"0 0 {width} {}\" role=\"img\" aria-label=\"{}\">",
        match room {
            Room::Wide => "wide",
            Room::Narrow => "narrow",
        },
        bottom
            + if scale.breaks().is_empty() {
                26.0
            } else {
                42.0
            },
        escaped(&described(history, shown)),
    );
    draw_faults(&mut out, frame, &scale, (left, right), bottom);
    draw_axis(&mut out, &scale, (left, right), bottom, room);
    if let Some(bar) = bars.iter().find(|bar| bar.is_contradiction) {
        let x = scale.place(bar.operation.invoked.as_secs_f64());
        let _ = write!(
            out,
            "<path class=\"guide\" d=\"M{x:.1} 22V{bottom:.1}\"><title>{} is invoked</title></path>",
            bar.badge
        );
    }
    out.push_str(&body);
    draw_breaks(&mut out, &scale, bottom, id);
    out.push_str(&texts);
    out.push_str("</svg>");
    out
}

/// What decides where things stand.
struct Layout {
    names_keys: bool,
    contradiction: Option<OpId>,
    right: f64,
    room: Room,
}

/// Gives each operation its lane and its text's place.
fn lay_out<'h>(
    history: &'h History,
    shown: &[OpId],
    layout: &Layout,
    scale: &Scale,
) -> (Vec<Bar<'h>>, Vec<String>) {
    let mut in_time: Vec<(usize, Operation<'h>)> = shown
        .iter()
        .enumerate()
        .map(|(i, &id)| (i + 1, history.operation(id)))
        .collect();
    in_time.sort_by_key(|(_, operation)| (operation.invoked, operation.id));
    let mut processes = Vec::new();
    let mut labels = Vec::new();
    let mut bars: Vec<Bar<'h>> = Vec::new();
    for (badge, operation) in in_time {
        let lane = processes
            .iter()
            .position(|process| *process == operation.process)
            .unwrap_or_else(|| {
                processes.push(operation.process);
                let node = operation
                    .node()
                    .map_or_else(String::new, |node| format!(" · {node}"));
                labels.push(phrase::clean(&format!(
                    "process {}{node}",
                    operation.process
                )));
                labels.len() - 1
            });
        let most = if layout.room == Room::Wide { 48 } else { 26 };
        let text = phrase::action_on(&operation, layout.names_keys, most);
        let (from, to) = text_span(&operation, &text, scale, layout.right);
        let is_free = |below: bool| {
            bars.iter()
                .filter(|bar| bar.lane == lane && bar.is_below == below)
                .all(|bar| {
                    let span = text_span(&bar.operation, &bar.text, scale, layout.right);
                    span.1 + 6.0 < from || to + 6.0 < span.0
                })
        };
        let is_below = !is_free(false) && is_free(true);
        bars.push(Bar {
            is_contradiction: layout.contradiction == Some(operation.id),
            operation,
            badge,
            lane,
            text,
            is_below,
        });
    }
    (bars, labels)
}

/// Where an operation's text, and the badge before it, begin and end.
fn text_span(operation: &Operation<'_>, text: &str, scale: &Scale, right: f64) -> (f64, f64) {
    let width = 22.0 + text.chars().count() as f64 * CHARACTER;
    let from = scale.place(operation.invoked.as_secs_f64());
    let from = from.min(right - width).max(2.0);
    (from, from + width)
}

fn draw_bar(out: &mut String, bar: &Bar<'_>, scale: &Scale, top: f64, right: f64) {
    let operation = &bar.operation;
    let from = scale.place(operation.invoked.as_secs_f64());
    let to = operation
        .completed
        .map_or(right, |at| scale.place(at.as_secs_f64()));
    let to = to.max(from + 4.0);
    let class = if bar.is_contradiction {
        " contradiction"
    } else {
        ""
    };
    let _ = write!(
        out,
        "<g class=\"bar {}{class}\"><title>{}</title>",
        operation.outcome.name(),
        escaped(&format!("{operation}"))
    );
    if operation.outcome == Outcome::Info {
        // It may still happen at any time after the client gave up.
        let _ = write!(
            out,
            "<path class=\"open\" d=\"M{to:.1} {0}H{right}\"/>",
            top + BAR / 2.0
        );
    }
    let _ = write!(
        out,
        "<rect x=\"{from:.1}\" y=\"{top}\" width=\"{:.1}\" height=\"{BAR}\" rx=\"3\"/></g>",
        to - from
    );
}

/// An operation's number in the story and what it did, above its bar or below it.
fn draw_text(out: &mut String, bar: &Bar<'_>, scale: &Scale, top: f64, right: f64) {
    let (from, _) = text_span(&bar.operation, &bar.text, scale, right);
    let baseline = if bar.is_below {
        top + BAR + LINE - 2.0
    } else {
        top - 6.0
    };
    let class = if bar.is_contradiction {
        " class=\"contradiction\""
    } else {
        ""
    };
    let _ = write!(
        out,
        "<g{class}><circle class=\"badge\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"8\"/>\
         <text class=\"badge\" x=\"{0:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\
         <text class=\"what\" x=\"{:.1}\" y=\"{baseline}\">{}</text></g>",
        from + 8.0,
        baseline - 4.5,
        baseline - 0.9,
        bar.badge,
        from + 21.0,
        escaped(&bar.text)
    );
}

fn draw_faults(
    out: &mut String,
    frame: &Frame,
    scale: &Scale,
    (left, right): (f64, f64),
    bottom: f64,
) {
    let (begin, end) = scale.range();
    let mut named_to = 0.0;
    for band in &frame.bands {
        if band.to < begin || band.from > end {
            continue;
        }
        let from = if band.from < begin {
            left
        } else {
            scale.place(band.from)
        };
        let to = if band.to > end {
            right
        } else {
            scale.place(band.to)
        };
        let name = &frame.kinds[band.kind];
        let _ = write!(
            out,
            "<g class=\"band k{}\"><title>{}</title><rect x=\"{from:.1}\" y=\"18\" width=\"{:.1}\" height=\"{:.1}\"/></g>",
            band.kind % 8,
            escaped(&band.title),
            (to - from).max(1.0),
            bottom - 18.0
        );
        let width = name.chars().count() as f64 * CHARACTER;
        if from >= named_to && to - from > 20.0 {
            let _ = write!(
                out,
                "<text class=\"fault-name\" x=\"{:.1}\" y=\"12\">{}</text>",
                from + 2.0,
                escaped(name)
            );
            named_to = from + width + 12.0;
        }
    }
}

fn draw_axis(out: &mut String, scale: &Scale, (left, right): (f64, f64), bottom: f64, room: Room) {
    let _ = write!(
        out,
        "<path class=\"axis\" d=\"M{left} {bottom}H{right}\"/><g class=\"xt\">"
    );
    let mut free_from = left;
    for (from, to) in scale.pieces() {
        let width = scale.place(to) - scale.place(from);
        let label_width = if room == Room::Wide { 105.0 } else { 85.0 };
        let wanted = (width / label_width).floor().max(1.0) as usize;
        let mut ticks = time_ticks(from, to, wanted);
        if ticks.is_empty() {
            ticks = vec![Tick {
                at: f64::midpoint(from, to),
                label: format!("{:.3} s", f64::midpoint(from, to)),
            }];
        }
        for tick in ticks {
            let x = scale.place(tick.at);
            let half = tick.label.chars().count() as f64 * CHARACTER / 2.0;
            if x - half < free_from || x + half > right + 8.0 {
                continue;
            }
            let _ = write!(
                out,
                "<path d=\"M{x:.1} {bottom}v5\"/><text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                bottom + 19.0,
                escaped(&tick.label)
            );
            free_from = x + half + 8.0;
        }
    }
    out.push_str("</g>");
}

fn draw_breaks(out: &mut String, scale: &Scale, bottom: f64, id: &str) {
    for (i, gap) in scale.breaks().iter().enumerate() {
        let (from, to) = (gap.from + 8.0, gap.to - 8.0);
        let (mut left, mut right) = (Vec::new(), Vec::new());
        let mut y = 16.0;
        let mut side = 3.0;
        while y < bottom + 4.0 {
            left.push(format!("{:.1} {y:.1}", from + side));
            right.push(format!("{:.1} {y:.1}", to + side));
            y += 7.0;
            side = -side;
        }
        let (down, other) = (left.join("L"), right.join("L"));
        right.reverse();
        let up = right.join("L");
        let _ = write!(
            out,
            "<g class=\"break\" id=\"{id}-break-{i}\"><title>{seconds} without an event of these operations are left \
             out</title><path class=\"gap\" d=\"M{down}L{up}z\"/><path d=\"M{down}M{other}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{seconds}</text></g>",
            f64::midpoint(from, to),
            bottom + 35.0,
            seconds = number::seconds(gap.seconds),
        );
    }
}

/// The picture in words, for those who do not see it.
fn described(history: &History, shown: &[OpId]) -> String {
    let operations: Vec<String> = shown
        .iter()
        .enumerate()
        .map(|(i, &id)| {
            let operation = history.operation(id);
            let until = operation
                .completed
                .map_or_else(|| "never ended".to_owned(), |at| format!("to {at}"));
            format!(
                "{}: process {}, {}, {} {until}",
                i + 1,
                operation.process,
                phrase::action(&operation, 60),
                operation.invoked
            )
        })
        .collect();
    format!(
        "Operations of this anomaly over time. {}",
        operations.join("; ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use schism_checkers::{Confirmation, Picture, Step};
    use schism_history::Value;
    use schism_history::testing::history;

    fn anomaly(operations: &[u32]) -> Anomaly {
        let operations: Vec<OpId> = operations.iter().copied().map(OpId).collect();
        Anomaly {
            name: "stale-read",
            sentence: "A read went back in time".to_owned(),
            key: Value::Nil,
            steps: operations
                .iter()
                .map(|&id| Step {
                    operation: Some(id),
                    text: "so".to_owned(),
                })
                .collect(),
            operations,
            confirmation: Confirmation {
                by: "search",
                agrees: true,
            },
            picture: Picture::default(),
        }
    }

    #[test]
    fn each_process_has_a_lane_and_the_contradiction_is_marked() {
        let history = history(
            "
            0@n1 |w x 1|
            1@n2        |r x -> 1|
            0@n1                   |r x -> nil|
            ",
        );
        let frame = Frame::of(&history);
        let svg = svg(&history, &anomaly(&[0, 1, 2]), &frame, "a1", Room::Wide);
        assert_eq!(svg.matches("class=\"lane\"").count(), 2);
        assert_eq!(svg.matches("class=\"bar ok").count(), 3);
        assert_eq!(svg.matches("contradiction").count(), 2, "bar and text");
        for text in ["process 0 · n1", "write 1", "read → 1", "read → nil"] {
            assert!(svg.contains(text), "{text}: {svg}");
        }
        assert!(!svg.contains("class=\"break\""));
    }

    #[test]
    fn values_in_a_picture_are_inert() {
        let history = history("0 |w x <script>alert(1)</script> 1|\n1   |r x -> \"'&|");
        let frame = Frame::of(&history);
        for room in [Room::Wide, Room::Narrow] {
            let svg = svg(&history, &anomaly(&[0, 1]), &frame, "a1", room);
            assert!(!svg.contains("<script"), "{svg}");
        }
    }

    #[test]
    fn an_anomaly_without_operations_draws_nothing_and_does_not_panic() {
        let history = history("0 |w x 1|");
        let frame = Frame::of(&history);
        let svg = svg(&history, &anomaly(&[]), &frame, "a1", Room::Wide);
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>"));
    }
}
