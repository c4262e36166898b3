//! Systems that nobody has taught us: described by a file, asked through a program of their user's, or running already.

mod adapter;
mod file;
pub mod running;
mod system;

pub(crate) use adapter::Adapted;
pub use adapter::Program;
pub use file::SystemFile;
