//! The keeper of local nodes by itself, for programs that use this library and are not `perjury`: see [`hosts::local::keep`].

fn main() -> std::process::ExitCode {
    hosts::local::keep(std::env::args_os().skip(1)).into()
}
