//! The page's style sheet and script, and the policy that lets nothing else run.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

const LIGHT: &str = include_str!("light.css");
const DARK: &str = include_str!("dark.css");
const CHART: &str = include_str!("chart.css");
const PAGE: &str = include_str!("page.css");

/// The page's script: one function of three files, so that nothing of it is global.
pub(crate) const SCRIPT: &str = concat!(
    "'use strict';\n(() => {\n",
    include_str!("data.js"),
    "\n",
    include_str!("draw.js"),
    "\n",
    include_str!("explore.js"),
    "})();\n"
);

/// The colours: light or dark as the reader's system says, or as the page's own switch does; light on paper.
fn colours() -> String {
    format!(
        ":root{{{LIGHT}}}\n@media (prefers-color-scheme:dark){{:root{{{DARK}}}}}\n\
         :root[data-theme=light]{{{LIGHT}}}\n:root[data-theme=dark]{{{DARK}}}\n\
         @media print{{:root,:root[data-theme]{{{LIGHT}}}}}\n"
    )
}

/// The page's style sheet.
pub(crate) fn style() -> String {
    format!("{}{CHART}{PAGE}", colours())
}

/// The style sheet of a chart that is a file of its own.
pub(crate) fn chart_style() -> String {
    format!(":root{{{LIGHT}}}\n@media (prefers-color-scheme:dark){{:root{{{DARK}}}}}\n{CHART}")
}

/// The content security policy of a page with this style sheet: no request at all, and no script but ours. A value that
/// gets past the escaping would still do nothing.
pub(crate) fn policy(style: &str) -> String {
    format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; base-uri 'none'; form-action 'none'",
        hash(SCRIPT),
        hash(style)
    )
}

fn hash(text: &str) -> String {
    format!(
        "sha256-{}",
        STANDARD.encode(Sha256::digest(text.as_bytes()))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_that_browsers_compute() {
        assert_eq!(
            hash("alert('Hello, world.');"),
            "sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng="
        );
    }

    #[test]
    fn script_and_style_ask_for_nothing_from_outside() {
        for text in [SCRIPT, &style(), &chart_style()] {
            for forbidden in [
                "http:",
                "https:",
                "//cdn",
                "@import",
                "url(",
                "fetch(",
                "XMLHttpRequest",
                "eval(",
            ] {
                let harmless = text.replace("http://www.w3.org/2000/svg", "");
                assert!(!harmless.contains(forbidden), "{forbidden}");
            }
            assert!(
                !text.contains("</"),
                "nothing ends the element it stands in"
            );
        }
    }
}
