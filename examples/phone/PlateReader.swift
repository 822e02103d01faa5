/*
 * Camera frames in, strings out, on iOS: the file of `fused-ocr export tflite` does
 * everything between.
 *
 * This file could not be compiled or run where it was written, only parsed: there was no
 * Xcode. It was written by the sources of the module TensorFlowLite (Interpreter,
 * SignatureRunner), which is a product of LiteRT's Swift package, branch release/2.3.0
 * of github.com/google-ai-edge/LiteRT, and by Apple's documentation for iOS 15.
 *
 * Put plates.tflite in the app; its Info.plist has NSCameraUsageDescription.
 *
 *     let path = Bundle.main.path(forResource: "plates", ofType: "tflite")!
 *     let reader = try PlateReader(modelPath: path)
 *     reader.onReadings = { readings in DispatchQueue.main.async { show(readings) } }
 *     let session = try cameraSession(for: reader)
 *     DispatchQueue.global().async { session.startRunning() }
 *
 * The app keeps both, reader and session, as long as it reads.
 */

import AVFoundation
import Accelerate
import TensorFlowLite

/// One reading; `box` is in pixels of the upright photo. An unreadable plate has no text.
struct Reading {
  let text: String
  let score: Float
  let box: CGRect
}

/// Reads one frame after the other, in reading order.
final class PlateReader: NSObject, AVCaptureVideoDataOutputSampleBufferDelegate {
  /// Called on the camera's queue.
  var onReadings: ([Reading]) -> Void = { _ in }

  private let runner: SignatureRunner
  private let height: Int
  private let width: Int

  init(modelPath: String, threads: Int = 2) throws {
    var options = Interpreter.Options()
    options.threadCount = threads
    options.isXNNPackEnabled = true
    let interpreter = try Interpreter(modelPath: modelPath, options: options)
    runner = try interpreter.signatureRunner(with: "serving_default")
    let shape = try runner.input(named: "images").shape.dimensions  // 1, H, W, 3
    height = shape[1]
    width = shape[2]
  }

  func captureOutput(
    _ output: AVCaptureOutput, didOutput sampleBuffer: CMSampleBuffer,
    from connection: AVCaptureConnection
  ) {
    guard let photo = CMSampleBufferGetImageBuffer(sampleBuffer) else { return }
    do {
      onReadings(try read(photo))
    } catch {
      print("PlateReader: \(error)")
    }
  }

  /// Reads an upright photo of any size, 32BGRA. Not for two threads at once.
  func read(_ photo: CVPixelBuffer) throws -> [Reading] {
    let (frame, scale) = try fit(photo)
    try runner.invoke(with: ["images": frame])
    let count: [Int32] = try values("count")
    let codes: [Int32] = try values("codes")
    let score: [Float32] = try values("score")
    let box: [Float32] = try values("box")
    let slots = codes.count / score.count
    let whole = CGRect(
      x: 0, y: 0, width: CVPixelBufferGetWidth(photo), height: CVPixelBufferGetHeight(photo))
    return (0..<Int(count[0])).map { i in
      let own = codes[i * slots..<(i + 1) * slots]  // code points, -1 behind the last
      var text = String.UnicodeScalarView()
      text.append(contentsOf: own.filter { $0 >= 0 }.compactMap { Unicode.Scalar(UInt32($0)) })
      let edges = (0..<4).map { CGFloat(box[4 * i + $0]) }  // y1, x1, y2, x2
      let place = CGRect(
        x: edges[1] / scale.width, y: edges[0] / scale.height,
        width: (edges[3] - edges[1]) / scale.width,
        height: (edges[2] - edges[0]) / scale.height)
      return Reading(text: String(text), score: score[i], box: place.intersection(whole))
    }
  }

  /// As large as it can be at the top left, grey elsewhere: `fused_ocr.lite.fit`.
  private func fit(_ photo: CVPixelBuffer) throws -> (Data, CGSize) {
    CVPixelBufferLockBaseAddress(photo, .readOnly)
    defer { CVPixelBufferUnlockBaseAddress(photo, .readOnly) }
    let photoHeight = CVPixelBufferGetHeight(photo)
    let photoWidth = CVPixelBufferGetWidth(photo)
    let scale = min(Double(height) / Double(photoHeight), Double(width) / Double(photoWidth))
    let h = min(max(Int((Double(photoHeight) * scale).rounded(.toNearestOrEven)), 1), height)
    let w = min(max(Int((Double(photoWidth) * scale).rounded(.toNearestOrEven)), 1), width)

    var source = vImage_Buffer(
      data: CVPixelBufferGetBaseAddress(photo), height: vImagePixelCount(photoHeight),
      width: vImagePixelCount(photoWidth), rowBytes: CVPixelBufferGetBytesPerRow(photo))
    var small = try vImage_Buffer(width: w, height: h, bitsPerPixel: 32)
    defer { small.free() }
    // All four channels are scaled alike, in whatever order they are.
    vImageScale_ARGB8888(&source, &small, nil, vImage_Flags(kvImageNoFlags))

    var frame = Data(repeating: 127, count: 3 * width * height)
    frame.withUnsafeMutableBytes { bytes in
      var corner = vImage_Buffer(
        data: bytes.baseAddress, height: vImagePixelCount(h), width: vImagePixelCount(w),
        rowBytes: 3 * width)
      vImageConvert_BGRA8888toRGB888(&small, &corner, vImage_Flags(kvImageNoFlags))
    }
    let factors = CGSize(
      width: CGFloat(w) / CGFloat(photoWidth), height: CGFloat(h) / CGFloat(photoHeight))
    return (frame, factors)
  }

  private func values<T>(_ output: String) throws -> [T] {
    try runner.output(named: output).data.withUnsafeBytes { Array($0.bindMemory(to: T.self)) }
  }
}

enum CameraError: Error { case notThere }

/// What the back camera sees goes to the reader, upright for a phone held upright.
func cameraSession(for reader: PlateReader) throws -> AVCaptureSession {
  let session = AVCaptureSession()
  session.sessionPreset = .hd1280x720  // about the model's frame: there is little to shrink
  let output = AVCaptureVideoDataOutput()
  output.videoSettings = [
    kCVPixelBufferPixelFormatTypeKey as String: kCVPixelFormatType_32BGRA
  ]
  output.alwaysDiscardsLateVideoFrames = true
  output.setSampleBufferDelegate(reader, queue: DispatchQueue(label: "PlateReader"))
  guard
    let camera = AVCaptureDevice.default(.builtInWideAngleCamera, for: .video, position: .back)
  else { throw CameraError.notThere }
  let input = try AVCaptureDeviceInput(device: camera)
  guard session.canAddInput(input), session.canAddOutput(output) else {
    throw CameraError.notThere
  }
  session.addInput(input)
  session.addOutput(output)
  if let connection = output.connection(with: .video) {
    if #available(iOS 17, *) {
      connection.videoRotationAngle = 90
    } else {
      connection.videoOrientation = .portrait
    }
  }
  return session
}
