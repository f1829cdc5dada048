//! Which consistency levels the history gives: a sentence, and the lattice drawn.

use maud::{Markup, PreEscaped, html};

use crate::judge::levels::{Standing, Standings};
use crate::report::{lattice, phrase};

/// The section; nothing when no checker spoke about levels.
pub(super) fn section(standings: &Standings<'_>) -> Markup {
    if standings.is_empty() {
        return html! {};
    }
    let limits = standings.held.iter().chain(&standings.refuted);
    html! {
        section.part #levels {
            h2 { "Which consistency levels this history gives" }
            p { (phrase::sentence(&standings.sentence())) "." }
            div.card {
                div.scroll { (PreEscaped(lattice::svg(standings))) }
                p.soft.small {
                    "A level promises all that those below it promise, along the lines. "
                    "✓ kept, ✗ broken with proof, the others are not decided. Framed: the strongest that are kept and the \
                     weakest that are broken; the rest follows from them."
                }
                dl.facts {
                    @for &level in limits {
                        dt { (level) }
                        dd {
                            @match standings.standing(level) {
                                Standing::Held => { "kept: every " (level.promise()) }
                                Standing::Refuted => {
                                    "broken: "
                                    @match standings.ground(level).and_then(|ground| ground.anomaly) {
                                        Some(anomaly) => { (phrase::anomaly_name(anomaly.name)) ". " (phrase::sentence(&anomaly.sentence)) }
                                        None => { "not every " (level.promise()) }
                                    }
                                }
                                Standing::Undecided => {}
                            }
                            @if let Some(ground) = standings.ground(level) { span.soft { " (" (ground.verdict.checker) ")" } }
                        }
                    }
                    @for level in &standings.contradicted {
                        dt { (level) }
                        dd { "two checkers contradict each other: an error in schism" }
                    }
                }
            }
        }
    }
}
