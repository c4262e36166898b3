//! A wrong clock on the wall for one process, without its help, a restart, or a change of the machine's own clock.
//!
//! The kernel maps a small library, the vDSO, into every process, and programs read the wall clock there: those of glibc and the JVM
//! as well as those of Go, which use no libc. A write to `/proc/PID/mem` gives the process a copy of that page of its own. So
//! the functions that read the wall clock are written over with code that makes the system call and adds an offset.
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
const CODE: [u8; SECONDS] = [
    // 0x00, clock_gettime(rdi: clock, rsi: seconds and nanoseconds):
    0xb8, 0xe4, 0x00, 0x00, 0x00, // mov eax, 228
    0x0f, 0x05, // syscall
    0x85, 0xc0, // test eax, eax
    0x75, 0x35, // jne 0x40
    0x85, 0xff, // test edi, edi            CLOCK_REALTIME?
    0x74, 0x05, // je 0x14
    0x83, 0xff, 0x05, // cmp edi, 5         CLOCK_REALTIME_COARSE?
    0x75, 0x2c, // jne 0x40
    0x48, 0x8b, 0x0d, 0x8d, 0x00, 0x00, 0x00, // 0x14: mov rcx, [rip + nanos]
    0x48, 0x03, 0x4e, 0x08, // add rcx, [rsi + 8]
    0x48, 0x8b, 0x15, 0x7a, 0x00, 0x00, 0x00, // mov rdx, [rip + seconds]
    0x48, 0x01, 0x16, // add [rsi], rdx
    0x48, 0x81, 0xf9, 0x00, 0xca, 0x9a, 0x3b, // cmp rcx, 1000000000
    0x7c, 0x0a, // jl 0x3c
    0x48, 0x81, 0xe9, 0x00, 0xca, 0x9a, 0x3b, // sub rcx, 1000000000
    0x48, 0xff, 0x06, // inc qword ptr [rsi]
    0x48, 0x89, 0x4e, 0x08, // 0x3c: mov [rsi + 8], rcx
    0xc3, // 0x40: ret
    // 0x41, gettimeofday(rdi: seconds and microseconds or none):
    0xb8, 0x60, 0x00, 0x00, 0x00, // mov eax, 96
    0x0f, 0x05, // syscall
    0x85, 0xc0, // test eax, eax
    0x75, 0x31, // jne 0x7d
    0x48, 0x85, 0xff, // test rdi, rdi
    0x74, 0x2c, // je 0x7d
    0x48, 0x8b, 0x0d, 0x58, 0x00, 0x00, 0x00, // mov rcx, [rip + micros]
    0x48, 0x03, 0x4f, 0x08, // add rcx, [rdi + 8]
    0x48, 0x8b, 0x15, 0x3d, 0x00, 0x00, 0x00, // mov rdx, [rip + seconds]
    0x48, 0x01, 0x17, // add [rdi], rdx
    0x48, 0x81, 0xf9, 0x40, 0x42, 0x0f, 0x00, // cmp rcx, 1000000
    0x7c, 0x0a, // jl 0x79
    0x48, 0x81, 0xe9, 0x40, 0x42, 0x0f, 0x00, // sub rcx, 1000000
    0x48, 0xff, 0x07, // inc qword ptr [rdi]
    0x48, 0x89, 0x4f, 0x08, // 0x79: mov [rdi + 8], rcx
    0xc3, // 0x7d: ret
    // 0x7e, time(rdi: seconds or none):
    0xb8, 0xc9, 0x00, 0x00, 0x00, // mov eax, 201
    0x57, // push rdi
    0x31, 0xff, // xor edi, edi
    0x0f, 0x05, // syscall
    0x5f, // pop rdi
    0x48, 0x03, 0x05, 0x10, 0x00, 0x00, 0x00, // add rax, [rip + seconds]
    0x48, 0x85, 0xff, // test rdi, rdi
    0x74, 0x03, // je 0x98
    0x48, 0x89, 0x07, // mov [rdi], rax
    0xc3, // 0x98: ret
    0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00, // nothing, up to a multiple of 8
];
const GETTIMEOFDAY: usize = 0x41;
const TIME: usize = 0x7e;
/// Seconds, nanoseconds and microseconds follow the code, 8 bytes each; the last two are never below zero.
const SECONDS: usize = 0xa0;
const LENGTH: usize = SECONDS + 24;
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
        if seen == self.pristine {
            return Ok(0);
        }
        let number = |at: usize| {
            let from = self.clock_gettime + at;
            let bytes = seen.get(from..from + 8).and_then(|bytes| bytes.try_into().ok());
            bytes.map(i64::from_le_bytes)
        };
        let offset = number(SECONDS).zip(number(SECONDS + 16)).and_then(|(seconds, micros)| {
            let offset = seconds.checked_mul(1_000_000)?.checked_add(micros)?;
            (seen == self.image(offset)).then_some(offset)
        });
        offset.ok_or_else(|| io::Error::other("its vDSO is neither the kernel's nor ours"))
    }

    /// Writes an offset in microseconds; 0 writes back what was there. All threads of the process must be stopped, and outside.
    pub fn set(&self, pid: u32, offset: i64) -> io::Result<()> {
        let (memory, image) = (Memory::of(pid)?, self.image(offset));
        for (from, length) in [(self.clock_gettime, LENGTH), (self.gettimeofday, JUMP), (self.time, JUMP)] {
            memory.write(from, &image[from..from + length])?;
        }
        Ok(())
    }

    /// The vDSO of a process whose clock is so wrong.
    fn image(&self, offset: i64) -> Vec<u8> {
        let mut image = self.pristine.clone();
        if offset == 0 {
            return image;
        }
        let (seconds, micros) = (offset.div_euclid(1_000_000), offset.rem_euclid(1_000_000));
        let numbers = [seconds, micros * 1000, micros].map(i64::to_le_bytes).concat();
        let start = self.clock_gettime;
        image[start..start + SECONDS].copy_from_slice(&CODE);
        image[start + SECONDS..start + LENGTH].copy_from_slice(&numbers);
        for (from, to) in [(self.gettimeofday, start + GETTIMEOFDAY), (self.time, start + TIME)] {
            let distance = to as i32 - (from + JUMP) as i32;
            image[from] = 0xe9;
            image[from + 1..from + JUMP].copy_from_slice(&distance.to_le_bytes());
        }
        image
    }
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
    for offset in [OFFSET, 0] {
        clock.set(pid, offset)?;
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
            let image = clock.image(offset);
            assert_ne!(image, clock.pristine);
            let number = |at: usize| i64::from_le_bytes(image[clock.clock_gettime + at..][..8].try_into().unwrap());
            let (seconds, nanos, micros) = (number(SECONDS), number(SECONDS + 8), number(SECONDS + 16));
            assert_eq!(seconds * 1_000_000 + micros, offset);
            assert!(nanos == micros * 1000 && (0..1_000_000).contains(&micros));
        }
    }

    #[test]
    fn it_is_found_out_with_a_process_of_ones_own_and_nobody_else_is_touched() {
        assert_eq!(possible().is_ok(), cfg!(target_arch = "x86_64"), "{:?}", possible());
        if let Ok(clock) = Clock::find() {
            assert_eq!(clock.offset(std::process::id()).unwrap(), 0);
        }
    }
}
