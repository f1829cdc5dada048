//! What a plan is run against: a simulated cluster, nodes that speak Maelstrom's protocol, or a real cluster reached over
//! SSH.

pub mod maelstrom;
pub mod sim;
pub mod site;
