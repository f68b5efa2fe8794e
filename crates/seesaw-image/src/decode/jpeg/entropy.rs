//! Whether a JPEG without its end mark has every block. Decoders fill what is missing with gray or read
//! what follows as image data, so the codes are counted here, without making coefficients of them.

use super::outline::{Marker, Outline};

/// Where the image data end, if every block of every component is there to its last bit.
///
/// The time is that of decoding, and the memory a bit for each coefficient of a progressive file.
pub(super) fn end_of_image(bytes: &[u8], outline: &Outline) -> Option<usize> {
    let mut walker = Walker::new(outline)?;
    let mut at = 2;
    loop {
        let marker = Marker::after(bytes, at)?;
        let payload = marker.payload(bytes).ok()?;
        let segment = &bytes[payload.clone()];
        at = payload.end;
        match marker.code {
            0xC4 => walker.define_tables(segment)?,
            0xDD => {
                walker.restart_interval = usize::from(u16::from_be_bytes(*segment.first_chunk()?));
            }
            0xDA => {
                at = walker.scan(segment, bytes, at)?;
                if walker.is_complete() {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
}

/// A code of up to 16 bits for each symbol (annex C), by length.
struct Table {
    /// The first code of each length, how many there are, and the place of their first symbol.
    lengths: [(u32, u32, usize); 16],
    symbols: Vec<u8>,
}

/// What is known of a component after some scans.
struct Progress {
    id: u8,
    /// Blocks of an interleaved unit, across and down.
    factors: (usize, usize),
    /// Blocks that a scan of this component alone has.
    blocks: (usize, usize),
    /// Blocks across, with those that fill up the last interleaved unit.
    stride: usize,
    /// The lowest bit of each coefficient that was read; `None` before its first scan.
    low: [Option<u8>; 64],
    /// Which coefficients of each block are not 0; empty where the file is not progressive.
    nonzero: Vec<u64>,
}

struct Walker {
    progressive: bool,
    /// Interleaved units across and down.
    units: (usize, usize),
    components: Vec<Progress>,
    dc: [Option<Table>; 4],
    ac: [Option<Table>; 4],
    restart_interval: usize,
}

/// A scan's band of coefficients and of their bits.
#[derive(Clone, Copy)]
struct Band {
    first: usize,
    last: usize,
    high: u8,
}

impl Walker {
    fn new(outline: &Outline) -> Option<Self> {
        if outline.width == 0 {
            return None;
        }
        let (h_max, v_max) = outline.max_factors();
        let (h_max, v_max) = (usize::from(h_max), usize::from(v_max));
        let (width, height) = (usize::from(outline.width), usize::from(outline.height));
        let units = (width.div_ceil(8 * h_max), height.div_ceil(8 * v_max));
        let component = |component: &super::outline::Component| {
            let factors = (usize::from(component.factors.0), usize::from(component.factors.1));
            let stride = units.0 * factors.0;
            let kept = if outline.progressive { stride * units.1 * factors.1 } else { 0 };
            Progress {
                id: component.id,
                factors,
                blocks: (
                    (width * factors.0).div_ceil(h_max).div_ceil(8),
                    (height * factors.1).div_ceil(v_max).div_ceil(8),
                ),
                stride,
                low: [None; 64],
                nonzero: vec![0; kept],
            }
        };
        Some(Self {
            progressive: outline.progressive,
            units,
            components: outline.components.iter().map(component).collect(),
            dc: [const { None }; 4],
            ac: [const { None }; 4],
            restart_interval: 0,
        })
    }

    fn is_complete(&self) -> bool {
        self.components.iter().all(|component| component.low == [Some(0); 64])
    }

    fn define_tables(&mut self, mut segment: &[u8]) -> Option<()> {
        while let Some((&[kind, ref counts @ ..], rest)) = segment.split_first_chunk::<17>() {
            let mut lengths = [(0, 0, 0); 16];
            let (mut code, mut place) = (0, 0);
            for (length, &count) in lengths.iter_mut().zip(counts) {
                *length = (code, u32::from(count), place);
                code = (code + u32::from(count)) << 1;
                place += usize::from(count);
            }
            let (symbols, rest) = rest.split_at_checked(place)?;
            let tables = if kind >> 4 == 0 { &mut self.dc } else { &mut self.ac };
            *tables.get_mut(usize::from(kind & 15))? =
                Some(Table { lengths, symbols: symbols.to_vec() });
            segment = rest;
        }
        Some(())
    }

    /// Reads a scan whose data begin at `at`, and returns where they end.
    fn scan(&mut self, header: &[u8], bytes: &[u8], at: usize) -> Option<usize> {
        let (&count, rest) = header.split_first()?;
        let (selectors, rest) = rest.split_at_checked(2 * usize::from(count))?;
        let &[first, last, bits] = rest.first_chunk()?;
        let band = if self.progressive {
            Band { first: first.into(), last: last.into(), high: bits >> 4 }
        } else {
            Band { first: 0, last: 63, high: 0 }
        };
        let low = if self.progressive { bits & 15 } else { 0 };
        let banded = band.first <= band.last && band.last < 64;
        let dc_alone = !self.progressive || band.first > 0 || band.last == 0;
        if !banded || !dc_alone || (count != 1 && (count == 0 || band.first > 0)) {
            return None;
        }
        let mut chosen = vec![];
        for pair in selectors.chunks_exact(2) {
            let place = self.components.iter().position(|component| component.id == pair[0])?;
            self.components[place].low[band.first..=band.last].fill(Some(low));
            chosen.push((place, usize::from(pair[1] >> 4), usize::from(pair[1] & 15)));
        }
        let mut bits = Bits { bytes, at, byte: 0, left: 0 };
        let alone = chosen.len() == 1;
        let units = if alone { self.components[chosen[0].0].blocks } else { self.units };
        let mut run = 0;
        for unit in 0..units.0.checked_mul(units.1)? {
            if self.restart_interval > 0 && unit > 0 && unit % self.restart_interval == 0 {
                bits.restart(unit / self.restart_interval - 1)?;
                run = 0;
            }
            let (x, y) = (unit % units.0, unit / units.0);
            for &(place, dc, ac) in &chosen {
                let component = &mut self.components[place];
                let (h, v) = if alone { (1, 1) } else { component.factors };
                for block in 0..h * v {
                    let at = (y * v + block / h) * component.stride + x * h + block % h;
                    let mut unused = 0;
                    let nonzero = component.nonzero.get_mut(at).unwrap_or(&mut unused);
                    let tables = (self.dc.get(dc)?.as_ref(), self.ac.get(ac)?.as_ref());
                    if self.progressive {
                        bits.skip_part(tables, band, nonzero, &mut run)?;
                    } else {
                        bits.skip_block(tables.0?, tables.1?)?;
                    }
                }
            }
        }
        Some(bits.at)
    }
}

/// Bits of a scan; none are left at the next marker.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    byte: u8,
    left: u8,
}

impl Bits<'_> {
    fn bit(&mut self) -> Option<u32> {
        if self.left == 0 {
            self.byte = *self.bytes.get(self.at)?;
            self.at += 1;
            if self.byte == 0xFF {
                // A zero is stuffed after it; anything else is a marker.
                if *self.bytes.get(self.at)? != 0 {
                    return None;
                }
                self.at += 1;
            }
            self.left = 8;
        }
        self.left -= 1;
        Some(u32::from(self.byte >> self.left & 1))
    }

    fn bits(&mut self, count: u8) -> Option<u32> {
        (0..count).try_fold(0, |value, _| Some(value << 1 | self.bit()?))
    }

    fn symbol(&mut self, table: &Table) -> Option<u8> {
        let mut code = 0;
        for &(first, count, place) in &table.lengths {
            code = code << 1 | self.bit()?;
            if code >= first && code - first < count {
                return table.symbols.get(place + (code - first) as usize).copied();
            }
        }
        None
    }

    /// Moves past the restart mark of this number.
    fn restart(&mut self, number: usize) -> Option<()> {
        self.left = 0;
        let rest = self.bytes.get(self.at..)?;
        let fill = rest.iter().position(|&byte| byte != 0xFF)?;
        let expected = 0xD0 | (number % 8) as u8;
        if fill == 0 || rest[fill] != expected {
            return None;
        }
        self.at += fill + 1;
        Some(())
    }

    fn skip_dc(&mut self, table: &Table) -> Option<()> {
        let size = self.symbol(table)?;
        if size > 11 {
            return None;
        }
        self.bits(size).map(|_| ())
    }

    /// A block of a sequential scan (section F.2.2).
    fn skip_block(&mut self, dc: &Table, ac: &Table) -> Option<()> {
        self.skip_dc(dc)?;
        let mut k = 1;
        while k < 64 {
            let symbol = self.symbol(ac)?;
            let (run, size) = (usize::from(symbol >> 4), symbol & 15);
            match (run, size) {
                (15, 0) => k += 16,
                (_, 0) => break,
                _ => {
                    k += run + 1;
                    if k > 64 {
                        return None;
                    }
                    self.bits(size)?;
                }
            }
        }
        Some(())
    }

    /// A block's part in a progressive scan (section G.1.2). `run` is how many more blocks have nothing
    /// new in this band.
    fn skip_part(
        &mut self,
        (dc, ac): (Option<&Table>, Option<&Table>),
        band: Band,
        nonzero: &mut u64,
        run: &mut u32,
    ) -> Option<()> {
        match (band.first, band.high) {
            (0, 0) => self.skip_dc(dc?),
            (0, _) => self.bit().map(|_| ()),
            _ => self.skip_ac(ac?, band, nonzero, run),
        }
    }

    fn skip_ac(&mut self, ac: &Table, band: Band, nonzero: &mut u64, run: &mut u32) -> Option<()> {
        let refines = band.high > 0;
        let mut k = band.first;
        while *run == 0 && k <= band.last {
            let symbol = self.symbol(ac)?;
            let (zeros, size) = (u32::from(symbol >> 4), symbol & 15);
            if size == 0 && zeros < 15 {
                *run = (1 << zeros) + self.bits(zeros as u8)?;
                break;
            }
            if refines && size > 1 {
                return None;
            }
            self.bits(size)?;
            k = self.skip_zeros(k, band.last, zeros, refines.then_some(*nonzero))?;
            if size > 0 {
                if k > band.last {
                    return None;
                }
                *nonzero |= 1 << k;
            }
            k += 1;
        }
        if *run > 0 {
            *run -= 1;
            if refines {
                let known = *nonzero;
                let rest = (k..=band.last).filter(|&k| known >> k & 1 == 1).count();
                (0..rest).try_for_each(|_| self.bit().map(|_| ()))?;
            }
        }
        Some(())
    }

    /// The place after so many zeros; each coefficient that is known not to be 0 is passed over, and has a
    /// bit that corrects it.
    fn skip_zeros(
        &mut self,
        mut k: usize,
        last: usize,
        mut zeros: u32,
        known: Option<u64>,
    ) -> Option<usize> {
        while k <= last {
            if known.is_some_and(|known| known >> k & 1 == 1) {
                self.bit()?;
            } else if zeros == 0 {
                break;
            } else {
                zeros -= 1;
            }
            k += 1;
        }
        Some(k)
    }
}
