//! The `apograph` command.

fn main() -> std::process::ExitCode {
    apograph::cli::main(&apograph::io::RealDisk)
}
