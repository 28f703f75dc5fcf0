mod check;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use indicatif::HumanBytes;
use isobath_datasets::{DatasetName, State, Verify};

use super::{GlobalArgs, exit};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Download and verify a dataset; resume an interrupted download
    ///
    /// Needs a build with the feature `fetch`, as wheels and `cargo xtask` have it
    Fetch {
        /// Dataset: mnist, fashion-mnist or cifar10
        name: DatasetName,
    },
    /// Copy a dataset from a local folder and verify it
    Import {
        /// Folder to copy from
        from: PathBuf,
        /// Dataset [default: the folder's name]
        #[arg(long)]
        name: Option<DatasetName>,
        /// Accept files with other checksums than the published ones; their structure is still checked
        #[arg(long)]
        no_verify: bool,
    },
    /// Read your own data and show shape, classes, mean and standard deviation
    Check(check::Arguments),
    /// List datasets and their state
    List,
}

pub(super) fn main(global: &GlobalArgs, arguments: Arguments) -> Result<u8> {
    match arguments.command {
        Command::Fetch { name } => fetch(global, name),
        Command::Import { from, name, no_verify } => import(global, from, name, no_verify),
        Command::Check(arguments) => check::main(arguments),
        Command::List => {
            list(global);
            Ok(exit::DONE)
        }
    }
}

fn fetch(global: &GlobalArgs, name: DatasetName) -> Result<u8> {
    if name.is_built_in() {
        println!("{name} is built in; nothing to fetch");
        return Ok(exit::DONE);
    }
    if global.offline {
        let message =
            format!("--offline forbids the download of {name}; omit it, or use `data import`");
        return Err(super::Usage(message).into());
    }
    download(global, name)
}

#[cfg(not(feature = "fetch"))]
fn download(global: &GlobalArgs, name: DatasetName) -> Result<u8> {
    anyhow::bail!(
        "this build cannot download; use `cargo xtask data fetch {name}`, build with --features fetch, or import a \
         copy with `isobath data import DIR --name {name}` into {}",
        global.data.display()
    )
}

#[cfg(feature = "fetch")]
fn download(global: &GlobalArgs, name: DatasetName) -> Result<u8> {
    use indicatif::{ProgressBar, ProgressStyle};
    use isobath_datasets::Progress;

    let bar = ProgressBar::no_length();
    let style = "{msg} {bar:30} {bytes} of {total_bytes} · {bytes_per_sec} · {eta} left";
    bar.set_style(ProgressStyle::with_template(style).expect("the template is valid"));
    let folder = isobath_datasets::fetch(name, &global.data, &mut |progress| match progress {
        Progress::Present { file } => bar.println(format!("{file}: present and verified")),
        Progress::Started { file, address, resumed_at, total } => {
            bar.set_message(file.to_owned());
            bar.set_length(total.unwrap_or(0));
            bar.set_position(resumed_at);
            if !bar.is_hidden() {
                return;
            }
            let resumed = if resumed_at > 0 {
                format!(", resuming at {}", HumanBytes(resumed_at))
            } else {
                String::new()
            };
            eprintln!("{file}: from {address}{resumed}");
        }
        Progress::Received { bytes, total, .. } => {
            bar.set_length(total.unwrap_or(bytes));
            bar.set_position(bytes);
        }
        Progress::Failed { address, reason, .. } => {
            bar.suspend(|| eprintln!("{address}: {reason}; trying the next address"));
        }
        Progress::Verified { file } => {
            bar.suspend(|| eprintln!("{file}: verified"));
        }
        _ => {}
    })?;
    bar.finish_and_clear();
    println!("{name} is in {}", folder.display());
    Ok(exit::DONE)
}

fn import(
    global: &GlobalArgs,
    from: PathBuf,
    name: Option<DatasetName>,
    no_verify: bool,
) -> Result<u8> {
    let of_folder = || {
        let folder = from.canonicalize().ok()?;
        folder.file_name()?.to_str()?.parse().ok()
    };
    let Some(name) = name.or_else(of_folder) else {
        let message = format!(
            "cannot tell which dataset {} contains; add --name, for example --name mnist",
            from.display()
        );
        return Err(super::Usage(message).into());
    };
    let verify = if no_verify { Verify::Waive } else { Verify::Checksum };
    let imported = isobath_datasets::import(name, &from, &global.data, verify)?;
    println!(
        "{name}: {} files, {}, copied to {}",
        imported.n_files,
        HumanBytes(imported.bytes),
        imported.folder.display()
    );
    Ok(exit::DONE)
}

pub(super) fn list(global: &GlobalArgs) {
    println!("datasets in {}:", global.data.display());
    for status in isobath_datasets::list(&global.data) {
        let state = match &status.state {
            State::BuiltIn => "built in".to_owned(),
            State::Present => format!("{} files, {}", status.n_files, HumanBytes(status.bytes)),
            State::Incomplete { missing } => format!("incomplete, missing {}", missing.join(", ")),
            _ => format!("missing; `data fetch {0}` or `data import DIR --name {0}`", status.name),
        };
        println!("  {:<14} {state}", status.name);
    }
}
