fn main() -> std::process::ExitCode {
    coeur::cli::main()
}
