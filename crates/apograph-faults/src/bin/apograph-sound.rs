//! The `apograph` command, as it is.

fn main() -> std::process::ExitCode {
    apograph::cli::main(&apograph::io::RealDisk)
}
