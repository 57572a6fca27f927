// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

// The discrete Fourier transforms work along one dimension without scaling, and their
// inverses divide by its length, as in torch.fft.

// FFT returns the transform of real or complex numbers along dim.
func (t *Tensor) FFT(dim int) *Tensor { return on("aten::fft_fft", t).none().int(dim).none().one() }

// IFFT returns the inverse of FFT.
func (t *Tensor) IFFT(dim int) *Tensor { return on("aten::fft_ifft", t).none().int(dim).none().one() }

// RFFT returns the n/2+1 first entries of the transform of n real numbers along dim; the
// others are their conjugates.
func (t *Tensor) RFFT(dim int) *Tensor { return on("aten::fft_rfft", t).none().int(dim).none().one() }

// IRFFT returns the n real numbers whose RFFT is t.
func (t *Tensor) IRFFT(n, dim int) *Tensor {
	return on("aten::fft_irfft", t).int(n).int(dim).none().one()
}

// Real returns a view of the real parts; t itself if it is real.
func (t *Tensor) Real() *Tensor { return on("aten::real", t).one() }

// Imag returns a view of the imaginary parts of complex numbers.
func (t *Tensor) Imag() *Tensor { return on("aten::imag", t).one() }

// Angle returns the arguments of complex numbers, in radians from -π to π.
func (t *Tensor) Angle() *Tensor { return on("aten::angle", t).one() }

// Complex returns re + i·im.
func Complex(re, im *Tensor) *Tensor { return on("aten::complex", re, im).one() }

// HannWindow returns the periodic Hann window of n elements.
func HannWindow(n int, o ...Options) *Tensor { return on("aten::hann_window").int(n).options(o).one() }

// STFTOptions are those of STFT and ISTFT. Window has Length elements; nil is a window of
// ones.
type STFTOptions struct {
	Size   int // of the transform, n_fft
	Hop    int // samples between frames
	Length int // of the window, win_length; shorter ones are centred in Size
	Window *Tensor
}

// STFT returns the RFFTs of frames of a signal [n] or [batch, n], as complex numbers
// [*, Size/2+1, frames]. The first frame begins at the first sample: pad the signal by
// Size/2 on both sides for frames that are centred, as torch.stft does with center=True.
func (t *Tensor) STFT(o STFTOptions) *Tensor {
	return on("aten::stft", t).int(o.Size).int(o.Hop).int(o.Length).optional(o.Window).bool(false).bool(true).bool(true).none().one()
}

// ISTFT returns the signal whose centred STFT is t, of length samples.
func (t *Tensor) ISTFT(o STFTOptions, length int) *Tensor {
	return on("aten::istft", t).int(o.Size).int(o.Hop).int(o.Length).optional(o.Window).
		bool(true).bool(false).bool(true).int(length).bool(false).one()
}
