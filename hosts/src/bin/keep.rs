//! What runs beside nodes, for programs that use this library and are not `perjury`: the keeper of local ones, see
//! [`hosts::local::keep`]; behind the word `hand`, what is sent to machines that are reached by SSH, see `hosts::ssh::hand`.

fn main() -> std::process::ExitCode {
    #[cfg_attr(not(feature = "ssh"), expect(unused_mut))]
    let mut words = std::env::args_os().skip(1).peekable();
    #[cfg(feature = "ssh")]
    if words.next_if(|word| word == "hand").is_some() {
        return hosts::ssh::hand(words).into();
    }
    hosts::local::keep(words).into()
}
