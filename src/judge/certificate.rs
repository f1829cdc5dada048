//! What shows that a valid verdict is right.
//!
//! ```json
//! { "schism": "certificate", "version": 1, "history": "…",
//!   "certificate": { "linearization": [ { "key": 7, "order": [0, 1, 2] } ] } }
//! { "schism": "certificate", "version": 1, "history": "…",
//!   "certificate": { "serial-order": { "level": "strict-serializable", "order": [0, 1, 2] } } }
//! ```
//!
//! `order` are operations by their number in the history, in the order in which they took effect.

use schism_checkers::{Certificate, KeyValue, Linearizable, ListAppend, RwRegister};
use serde::Serialize;

use super::Judgement;
use super::question::Limits;

/// The version of the JSON.
const VERSION: u32 = 1;

/// There is no certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoCertificate {
    /// The history is not linearizable or serializable, or it is not known; why.
    #[error("{0}")]
    None(String),
    /// The one that was made is wrong: our own bug.
    #[error("the order that was found shows nothing, which is an error in schism: {0}")]
    Wrong(String),
}

#[derive(Serialize)]
struct File<'a> {
    schism: &'static str,
    version: u32,
    history: &'a str,
    certificate: &'a Certificate,
}

impl Judgement {
    /// An order of the transactions, or else of the operations on registers, that explains what each of them found, as
    /// JSON, verified.
    ///
    /// # Errors
    /// There is none, or none was found within the limits.
    pub fn certificate(&self, limits: Limits) -> Result<String, NoCertificate> {
        let asked = |name: &str| self.verdicts.iter().any(|verdict| verdict.checker == name);
        let made = limits.within(|budget| {
            if asked("list-append") {
                ListAppend::default().certify(&self.history, budget)
            } else if asked("rw-register") {
                RwRegister::default().certify(&self.history, budget)
            } else if asked("key-value") {
                KeyValue::default().certify(&self.history, budget)
            } else {
                Linearizable.certify(&self.history, budget)
            }
        });
        let certificate = made.map_err(|verdict| NoCertificate::None(verdict.summary))?;
        certificate
            .verify(&self.history)
            .map_err(|error| NoCertificate::Wrong(error.to_string()))?;
        let file = File {
            schism: "certificate",
            version: VERSION,
            history: &self.run.name,
            certificate: &certificate,
        };
        let mut text = serde_json::to_string(&file).expect("all its keys are text");
        text.push('\n');
        Ok(text)
    }
}
