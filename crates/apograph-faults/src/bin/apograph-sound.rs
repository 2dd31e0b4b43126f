//! The `apograph` command, as it is.

fn main() -> std::process::ExitCode {
    apograph_cli::main(&apograph::io::RealDisk)
}
