//! The `apograph` command.

fn main() -> std::process::ExitCode {
    apograph_cli::main(&apograph_io::RealDisk)
}
