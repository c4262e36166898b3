//! A wrong clock on the wall for one process, without its help, a restart, or a change of the machine's own clock.
//!
//! The kernel maps a small library, the vDSO, into every process, and programs read the wall clock there: those of glibc and the JVM
//! as well as those of Go, which use no libc. A write to `/proc/PID/mem` gives the process a copy of that page of its own. So
//! the functions that read the wall clock are written over with code that makes the system call and adds an offset.
//!
//! An offset that is there already is changed while the process runs, which is how a clock jumps back and forth or drifts.
//!
//! What a process forks inherits the copy. A new program (`exec`) has a right clock again, until it is skewed too. Clocks that
//! only go forward, and with them time-outs, stay right; and so does whatever makes the system call by itself. `time` moves by
//! whole seconds.

use crate::process::{self, State};
use object::{Object, ObjectSymbol};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Three functions and what they add; positions are counted from the first byte. x86-64, as `as` writes it.
#[rustfmt::skip]
const CODE: [u8; SLOTS] = [
    // 0x00, clock_gettime(rdi: clock, rsi: seconds and nanoseconds):
    0xb8, 0xe4, 0x00, 0x00, 0x00, // mov eax, 228
    0x0f, 0x05, // syscall
    0x85, 0xc0, // test eax, eax
    0x75, 0x3f, // jne 0x4a
    0x85, 0xff, // test edi, edi            CLOCK_REALTIME?
    0x74, 0x05, // je 0x14
    0x83, 0xff, 0x05, // cmp edi, 5         CLOCK_REALTIME_COARSE?
    0x75, 0x36, // jne 0x4a
    0x48, 0x8d, 0x15, 0x9d, 0x00, 0x00, 0x00, // 0x14: lea rdx, [rip + slots]
    0x0f, 0xb6, 0x0d, 0xc6, 0x00, 0x00, 0x00, // movzx ecx, byte ptr [rip + which]
    0x48, 0x01, 0xca, // add rdx, rcx
    0x48, 0x8b, 0x4a, 0x08, // mov rcx, [rdx + 8]
    0x48, 0x03, 0x4e, 0x08, // add rcx, [rsi + 8]
    0x48, 0x8b, 0x12, // mov rdx, [rdx]
    0x48, 0x01, 0x16, // add [rsi], rdx
    0x48, 0x81, 0xf9, 0x00, 0xca, 0x9a, 0x3b, // cmp rcx, 1000000000
    0x7c, 0x0a, // jl 0x46
    0x48, 0x81, 0xe9, 0x00, 0xca, 0x9a, 0x3b, // sub rcx, 1000000000
    0x48, 0xff, 0x06, // inc qword ptr [rsi]
    0x48, 0x89, 0x4e, 0x08, // 0x46: mov [rsi + 8], rcx
    0xc3, // 0x4a: ret
    // 0x4b, gettimeofday(rdi: seconds and microseconds or none):
    0xb8, 0x60, 0x00, 0x00, 0x00, // mov eax, 96
    0x0f, 0x05, // syscall
    0x85, 0xc0, // test eax, eax
    0x75, 0x3b, // jne 0x91
    0x48, 0x85, 0xff, // test rdi, rdi
    0x74, 0x36, // je 0x91
    0x48, 0x8d, 0x15, 0x56, 0x00, 0x00, 0x00, // lea rdx, [rip + slots]
    0x0f, 0xb6, 0x0d, 0x7f, 0x00, 0x00, 0x00, // movzx ecx, byte ptr [rip + which]
    0x48, 0x01, 0xca, // add rdx, rcx
    0x48, 0x8b, 0x4a, 0x10, // mov rcx, [rdx + 16]
    0x48, 0x03, 0x4f, 0x08, // add rcx, [rdi + 8]
    0x48, 0x8b, 0x12, // mov rdx, [rdx]
    0x48, 0x01, 0x17, // add [rdi], rdx
    0x48, 0x81, 0xf9, 0x40, 0x42, 0x0f, 0x00, // cmp rcx, 1000000
    0x7c, 0x0a, // jl 0x8d
    0x48, 0x81, 0xe9, 0x40, 0x42, 0x0f, 0x00, // sub rcx, 1000000
    0x48, 0xff, 0x07, // inc qword ptr [rdi]
    0x48, 0x89, 0x4f, 0x08, // 0x8d: mov [rdi + 8], rcx
    0xc3, // 0x91: ret
    // 0x92, time(rdi: seconds or none):
    0xb8, 0xc9, 0x00, 0x00, 0x00, // mov eax, 201
    0x57, // push rdi
    0x31, 0xff, // xor edi, edi
    0x0f, 0x05, // syscall
    0x5f, // pop rdi
    0x48, 0x8d, 0x15, 0x14, 0x00, 0x00, 0x00, // lea rdx, [rip + slots]
    0x0f, 0xb6, 0x0d, 0x3d, 0x00, 0x00, 0x00, // movzx ecx, byte ptr [rip + which]
    0x48, 0x03, 0x04, 0x0a, // add rax, [rdx + rcx]
    0x48, 0x85, 0xff, // test rdi, rdi
    0x74, 0x03, // je 0xb7
    0x48, 0x89, 0x07, // mov [rdi], rax
    0xc3, // 0xb7: ret
];
const GETTIMEOFDAY: usize = 0x4b;
const TIME: usize = 0x92;
/// Two slots follow the code, each with seconds, nanoseconds and microseconds, 8 bytes each; the last two are never below zero. One
/// slot holds; the other one is written when the offset changes while the process runs, and holds from then on.
const SLOTS: usize = 0xb8;
const SLOT: usize = 24;
/// Which slot holds, as its distance from the first one. It is one byte, so that nobody ever reads half of a change.
const WHICH: usize = SLOTS + 2 * SLOT;
const LENGTH: usize = WHICH + 8;
/// `jmp` with a distance of 32 bits.
const JUMP: usize = 5;

/// The vDSO of this machine, as the kernel hands it out.
#[derive(Debug)]
pub(crate) struct Clock {
    pristine: Vec<u8>,
    clock_gettime: usize,
    gettimeofday: usize,
    time: usize,
}

impl Clock {
    /// Finds the functions. An error, in words, where this machine's are not those that can be written over.
    pub fn find() -> Result<Clock, String> {
        if !cfg!(target_arch = "x86_64") {
            let here = std::env::consts::ARCH;
            return Err(format!("the code that moves a process's clock exists for x86-64 only, and this is {here}"));
        }
        let pristine = Memory::of(std::process::id()).and_then(|own| own.read());
        let pristine = pristine.map_err(|error| format!("the kernel's own library cannot be read: {error}"))?;
        let parsed = object::File::parse(&*pristine).map_err(|error| format!("the vDSO is not understood: {error}"))?;
        let place = |name: &str, needed: usize| {
            let symbol = parsed.dynamic_symbols().find(|symbol| symbol.name() == Ok(name));
            let symbol = symbol.ok_or_else(|| format!("the vDSO has no {name}"))?;
            let (address, size) = (symbol.address() as usize, symbol.size() as usize);
            let fits = size >= needed && address + size <= pristine.len();
            fits.then_some(address).ok_or_else(|| format!("{name} has {size} bytes, and {needed} are needed"))
        };
        let clock_gettime = place("__vdso_clock_gettime", LENGTH)?;
        let gettimeofday = place("__vdso_gettimeofday", JUMP)?;
        let time = place("__vdso_time", JUMP)?;
        Ok(Clock { clock_gettime, gettimeofday, time, pristine })
    }

    /// By how many microseconds a process's clock on the wall is wrong. An error where it has another vDSO than this one, which a
    /// process of 32 bits has.
    pub fn offset(&self, pid: u32) -> io::Result<i64> {
        let seen = Memory::of(pid)?.read()?;
        if seen == self.pristine { Ok(0) } else { self.told(&seen).map(|(offset, _)| offset) }
    }

    /// Writes an offset in microseconds; 0 writes back what was there. All threads of the process must be stopped, and outside.
    pub fn set(&self, pid: u32, offset: i64) -> io::Result<()> {
        let (memory, image) = (Memory::of(pid)?, self.image(offset));
        for (from, length) in [(self.clock_gettime, LENGTH), (self.gettimeofday, JUMP), (self.time, JUMP)] {
            memory.write(from, &image[from..from + length])?;
        }
        Ok(())
    }

    /// Writes another offset while the process runs, into the slot that does not hold. False where it has a right clock, or shall have
    /// one: that takes [`Clock::set`].
    pub fn change(&self, pid: u32, offset: i64) -> io::Result<bool> {
        let memory = Memory::of(pid)?;
        let seen = memory.read()?;
        if offset == 0 || seen == self.pristine {
            return Ok(false);
        }
        let other = SLOT - self.told(&seen)?.1;
        memory.write(self.clock_gettime + SLOTS + other, &numbers(offset))?;
        memory.write(self.clock_gettime + WHICH, &[other as u8])?;
        Ok(true)
    }

    /// The offset of a vDSO that is ours, and which of its slots holds.
    fn told(&self, seen: &[u8]) -> io::Result<(i64, usize)> {
        let foreign = || io::Error::other("its vDSO is neither the kernel's nor ours");
        let slots = self.clock_gettime + SLOTS..self.clock_gettime + LENGTH;
        let which = usize::from(*seen.get(self.clock_gettime + WHICH).ok_or_else(foreign)?);
        let held = seen.get(slots.start + which..slots.start + which + SLOT).filter(|_| which == 0 || which == SLOT);
        let held = held.ok_or_else(foreign)?;
        let number = |at: usize| i64::from_le_bytes(held[at..at + 8].try_into().expect("8 bytes"));
        let offset = number(0).checked_mul(1_000_000).and_then(|micros| micros.checked_add(number(16)));
        let offset = offset.filter(|offset| numbers(*offset) == *held).ok_or_else(foreign)?;
        let mut ours = self.image(1);
        ours[slots.clone()].copy_from_slice(&seen[slots]);
        if seen == ours { Ok((offset, which)) } else { Err(foreign()) }
    }

    /// The vDSO of a process whose clock is so wrong.
    fn image(&self, offset: i64) -> Vec<u8> {
        let mut image = self.pristine.clone();
        if offset == 0 {
            return image;
        }
        let start = self.clock_gettime;
        image[start..start + SLOTS].copy_from_slice(&CODE);
        image[start + SLOTS..start + LENGTH].fill(0);
        image[start + SLOTS..start + SLOTS + SLOT].copy_from_slice(&numbers(offset));
        for (from, to) in [(self.gettimeofday, start + GETTIMEOFDAY), (self.time, start + TIME)] {
            let distance = to as i32 - (from + JUMP) as i32;
            image[from] = 0xe9;
            image[from + 1..from + JUMP].copy_from_slice(&distance.to_le_bytes());
        }
        image
    }
}

/// An offset in microseconds as a slot has it.
fn numbers(offset: i64) -> [u8; SLOT] {
    let (seconds, micros) = (offset.div_euclid(1_000_000), offset.rem_euclid(1_000_000));
    let mut slot = [0; SLOT];
    for (place, number) in slot.chunks_exact_mut(8).zip([seconds, micros * 1000, micros]) {
        place.copy_from_slice(&number.to_le_bytes());
    }
    slot
}

/// Whether a stopped process has a thread in the middle of its vDSO, whose code must not be changed under it.
pub(crate) fn busy(pid: u32) -> io::Result<bool> {
    let library = Memory::of(pid)?.range;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        // `running`, or numbers whose last one is where the thread goes on.
        let said = fs::read_to_string(task?.path().join("syscall"))?;
        let counter = said.split_whitespace().last().and_then(|word| word.strip_prefix("0x"));
        let counter = counter.and_then(|digits| u64::from_str_radix(digits, 16).ok());
        if counter.is_none_or(|counter| library.contains(&counter)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A process's copy of the vDSO.
struct Memory {
    file: File,
    range: Range<u64>,
}

impl Memory {
    fn of(pid: u32) -> io::Result<Memory> {
        let maps = fs::read_to_string(format!("/proc/{pid}/maps"))?;
        let words = maps.lines().find(|line| line.ends_with("[vdso]")).and_then(|line| line.split_once([' ', '\t']));
        let range = words.and_then(|(range, _)| {
            let (from, to) = range.split_once('-')?;
            Some(u64::from_str_radix(from, 16).ok()?..u64::from_str_radix(to, 16).ok()?)
        });
        let range = range.ok_or_else(|| io::Error::other("it has no vDSO"))?;
        let file = OpenOptions::new().read(true).write(true).open(format!("/proc/{pid}/mem"))?;
        Ok(Memory { file, range })
    }

    fn read(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; (self.range.end - self.range.start) as usize];
        self.file.read_exact_at(&mut bytes, self.range.start)?;
        Ok(bytes)
    }

    fn write(&self, from: usize, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, self.range.start + from as u64)
    }
}

/// Whether clocks of processes can be moved here, found out with a process of our own.
pub(crate) fn possible() -> Result<(), String> {
    let clock = Clock::find()?;
    let failed = |what: &'static str| move |error: io::Error| format!("{what}: {error}");
    let child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
    let mut child = child.map_err(failed("no process can be started"))?;
    let tried = attempt(&clock, &child).map_err(failed("a process's memory cannot be written"));
    let _ = child.kill();
    let _ = child.wait();
    tried
}

fn attempt(clock: &Clock, child: &Child) -> io::Result<()> {
    const OFFSET: i64 = -1_250_000;
    let (pid, began) = (child.id(), Instant::now());
    process::signal(pid, rustix::process::Signal::STOP)?;
    while process::state(pid) != State::Stopped || busy(pid)? {
        if began.elapsed() > Duration::from_secs(5) {
            return Err(io::Error::other("it does not stop"));
        }
        thread::sleep(Duration::from_millis(1));
    }
    for offset in [OFFSET, -OFFSET, 0] {
        if !clock.change(pid, offset)? {
            clock.set(pid, offset)?;
        }
        if clock.offset(pid)? != offset {
            return Err(io::Error::other("what was written is not there"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_read_back_from_the_image_that_has_it() {
        let Ok(clock) = Clock::find() else { return };
        assert_eq!(clock.image(0), clock.pristine);
        for offset in [1, -1, 100_250_000, -100_250_000] {
            let mut image = clock.image(offset);
            assert_eq!(clock.told(&image).unwrap(), (offset, 0));
            let slots = clock.clock_gettime + SLOTS;
            image[slots + SLOT..slots + 2 * SLOT].copy_from_slice(&numbers(offset - 7));
            assert_eq!(clock.told(&image).unwrap(), (offset, 0), "the other slot does not hold yet");
            image[clock.clock_gettime + WHICH] = SLOT as u8;
            assert_eq!(clock.told(&image).unwrap(), (offset - 7, SLOT));
            image[clock.clock_gettime + WHICH] = 1;
            assert!(clock.told(&image).is_err(), "nobody wrote that");
        }
        assert!(clock.told(&clock.pristine).is_err());
    }

    #[test]
    fn it_is_found_out_with_a_process_of_ones_own_and_nobody_else_is_touched() {
        assert_eq!(possible().is_ok(), cfg!(target_arch = "x86_64"), "{:?}", possible());
        if let Ok(clock) = Clock::find() {
            assert_eq!(clock.offset(std::process::id()).unwrap(), 0);
        }
    }
}
