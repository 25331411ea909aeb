//! The locked instructions of a program: what an atomic read-modify-write becomes on x86-64.

use std::collections::HashSet;
use std::path::Path;
use std::process::Command;

/// Where the program's locked instructions are, and where its `main` is, before it is loaded.
pub struct Locked {
    addresses: HashSet<u64>,
    main: u64,
}

impl Locked {
    /// Reads what `objdump` says of the program.
    pub fn of(program: &Path) -> Result<Locked, String> {
        let mut objdump = Command::new("objdump");
        objdump.args(["--disassemble", "--no-show-raw-insn"]).arg(program);
        let output = objdump.output().map_err(|error| format!("objdump: {error}"))?;
        let (mut addresses, mut main) = (HashSet::new(), None);
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            if let Some(address) = line.strip_suffix(" <main>:") {
                main = hexadecimal(address);
            } else if let Some((address, instruction)) = line.split_once(":\t")
                && is_locked(instruction)
            {
                addresses.extend(hexadecimal(address.trim()));
            }
        }
        let main = main.ok_or_else(|| format!("{}: no main", program.display()))?;
        Ok(Locked { addresses, main })
    }

    /// How many of them the program executed. Those of the C library are not among them.
    pub fn executed(&self, profile: &str) -> f64 {
        let costs = || costs_by_address(profile);
        let main = costs().filter(|(function, ..)| *function == "main").map(|(_, at, _)| at).min();
        // The program is somewhere else in memory than in its file.
        let moved = main.map_or(0, |main| main.wrapping_sub(self.main));
        let is_one = |at: u64| self.addresses.contains(&at.wrapping_sub(moved));
        costs().filter(|(_, at, _)| is_one(*at)).map(|(_, _, cost)| cost).sum()
    }
}

/// An exchange with memory is locked without saying so.
fn is_locked(instruction: &str) -> bool {
    instruction.starts_with("lock ") || instruction.starts_with("xchg") && instruction.contains('(')
}

/// Function, address and executions of each instruction of the program itself.
fn costs_by_address(profile: &str) -> impl Iterator<Item = (&str, u64, f64)> {
    let (mut function, mut ours, mut of_call) = ("", false, false);
    profile.lines().filter_map(move |line| {
        if let Some(object) = line.strip_prefix("ob=") {
            ours = object.ends_with("/rivals");
        } else if let Some(name) = line.strip_prefix("fn=") {
            function = name;
        } else if line.starts_with("calls=") {
            of_call = true; // the next line is what the callee took
        } else if line.starts_with("0x") && !std::mem::take(&mut of_call) && ours {
            let mut words = line.split(' ');
            let address = hexadecimal(words.next()?.trim_start_matches("0x"))?;
            return Some((function, address, words.nth(1)?.parse().ok()?));
        }
        None
    })
}

fn hexadecimal(digits: &str) -> Option<u64> {
    u64::from_str_radix(digits, 16).ok()
}
