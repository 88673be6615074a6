//! JetStream with a server that does what a test says.

mod direct;
mod dropping;
mod fetching;
mod leaving;
mod limiting;
mod outcomes;
mod permissions;
mod publishing;
mod reconnecting;
mod server;
mod stream;
mod surviving;
mod updating;
mod working;
