//! JetStream with a server that does what a test says.

mod direct;
mod dropping;
mod outcomes;
mod permissions;
mod publishing;
mod reconnecting;
mod stream;
mod updating;
