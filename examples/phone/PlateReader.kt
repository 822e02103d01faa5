/*
 * Camera frames in, strings out, on Android: the file of `fused-ocr export tflite` does
 * everything between.
 *
 * This file could not be compiled with the Android SDK, nor run, where it was written:
 * only against empty stand-ins of the classes it names. It was written by the
 * documentation of
 *
 *     com.google.ai.edge.litert:litert:2.3.0             org.tensorflow.lite.Interpreter
 *     androidx.camera:camera-core, -camera2, -lifecycle  1.4.0
 *
 * LiteRT's newer CompiledModel has no way yet to write uint8 from Kotlin; the
 * Interpreter has, and runs a signature by names.
 *
 * Put plates.tflite in src/main/assets; the app asks for the permission CAMERA first.
 *
 *     val reader = PlateReader(asset(this, "plates.tflite")) { readings -> show(readings) }
 *     val provider = ProcessCameraProvider.getInstance(this)
 *     provider.addListener(
 *         { readCamera(provider.get(), this, Executors.newSingleThreadExecutor(), reader) },
 *         ContextCompat.getMainExecutor(this),
 *     )
 */
package com.example.platereader

import android.content.Context
import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Color
import android.graphics.Paint
import android.graphics.Rect
import android.graphics.RectF
import android.util.Size
import androidx.camera.core.CameraSelector
import androidx.camera.core.ImageAnalysis
import androidx.camera.core.ImageProxy
import androidx.camera.core.resolutionselector.ResolutionSelector
import androidx.camera.core.resolutionselector.ResolutionStrategy
import androidx.camera.lifecycle.ProcessCameraProvider
import androidx.lifecycle.LifecycleOwner
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.FloatBuffer
import java.nio.IntBuffer
import java.nio.MappedByteBuffer
import java.nio.channels.FileChannel
import java.util.concurrent.Executor
import kotlin.math.min
import kotlin.math.round
import org.tensorflow.lite.Interpreter

/** One reading; [box] is in pixels of the upright photo. An unreadable plate has no text. */
data class Reading(val text: String, val score: Float, val box: RectF)

/** Reads one frame after the other, in reading order; close it when the camera is off. */
class PlateReader(
    model: ByteBuffer,
    threads: Int = 2,
    private val onReadings: (List<Reading>) -> Unit = {},
) : ImageAnalysis.Analyzer, AutoCloseable {

    private val interpreter =
        Interpreter(model, Interpreter.Options().setNumThreads(threads).setUseXNNPACK(true))
    private val shape = interpreter.getInputTensorFromSignature("images", SIGNATURE).shape()
    private val height = shape[1]
    private val width = shape[2]
    private val frame = Bitmap.createBitmap(width, height, Bitmap.Config.ARGB_8888)
    private val pixels = IntArray(width * height)
    private val rgb = ByteArray(3 * width * height)
    private val images = ByteBuffer.allocateDirect(rgb.size).order(ByteOrder.nativeOrder())
    private val count = IntBuffer.allocate(size("count"))
    private val codes = IntBuffer.allocate(size("codes"))
    private val score = FloatBuffer.allocate(size("score"))
    private val box = FloatBuffer.allocate(size("box"))

    override fun analyze(image: ImageProxy) = image.use { onReadings(read(it.toBitmap())) }

    /** Reads an upright photo of any size. */
    @Synchronized
    fun read(photo: Bitmap): List<Reading> {
        val scale = fit(photo)
        images.rewind()
        images.put(rgb).rewind()
        for (output in listOf(count, codes, score, box)) output.clear()
        interpreter.runSignature(
            mapOf("images" to images),
            mapOf("count" to count, "codes" to codes, "score" to score, "box" to box),
            SIGNATURE,
        )
        val slots = codes.capacity() / score.capacity()
        return List(count.get(0)) { i ->
            val text = buildString {
                for (k in 0 until slots) { // Unicode code points, -1 behind the last
                    val code = codes.get(i * slots + k)
                    if (code >= 0) appendCodePoint(code)
                }
            }
            val edges = FloatArray(4) { box.get(4 * i + it) } // y1, x1, y2, x2
            val place = RectF(
                edges[1] / scale.x, edges[0] / scale.y, edges[3] / scale.x, edges[2] / scale.y,
            )
            place.intersect(0f, 0f, photo.width.toFloat(), photo.height.toFloat())
            Reading(text, score.get(i), place)
        }
    }

    /** As large as it can be at the top left, grey elsewhere: `fused_ocr.lite.fit`. */
    private fun fit(photo: Bitmap): Scale {
        val scale = min(height / photo.height.toDouble(), width / photo.width.toDouble())
        val h = round(photo.height * scale).toInt().coerceIn(1, height)
        val w = round(photo.width * scale).toInt().coerceIn(1, width)
        var small = photo
        // The filter looks at 2 x 2 pixels, so what is much larger is halved first.
        while (small.width >= 2 * w && small.height >= 2 * h) {
            small = Bitmap.createScaledBitmap(small, small.width / 2, small.height / 2, true)
        }
        frame.eraseColor(Color.rgb(127, 127, 127))
        Canvas(frame).drawBitmap(small, null, Rect(0, 0, w, h), Paint(Paint.FILTER_BITMAP_FLAG))
        frame.getPixels(pixels, 0, width, 0, 0, width, height)
        var at = 0
        for (pixel in pixels) {
            rgb[at++] = (pixel shr 16).toByte()
            rgb[at++] = (pixel shr 8).toByte()
            rgb[at++] = pixel.toByte()
        }
        return Scale(w / photo.width.toFloat(), h / photo.height.toFloat())
    }

    private fun size(output: String): Int =
        interpreter.getOutputTensorFromSignature(output, SIGNATURE).numElements()

    @Synchronized
    override fun close() = interpreter.close()

    private class Scale(val x: Float, val y: Float)

    private companion object {
        const val SIGNATURE = "serving_default"
    }
}

/** A file of the app's assets, mapped: .tflite files are not compressed there. */
fun asset(context: Context, name: String): MappedByteBuffer =
    context.assets.openFd(name).use { file ->
        file.createInputStream().use {
            it.channel.map(FileChannel.MapMode.READ_ONLY, file.startOffset, file.declaredLength)
        }
    }

/** What the back camera sees goes to the reader, upright; frames it is too slow for do not. */
fun readCamera(
    provider: ProcessCameraProvider,
    owner: LifecycleOwner,
    executor: Executor,
    reader: PlateReader,
) {
    val resolution = ResolutionStrategy(
        Size(1280, 720), // about the model's frame: there is little to shrink then
        ResolutionStrategy.FALLBACK_RULE_CLOSEST_HIGHER_THEN_LOWER,
    )
    val analysis = ImageAnalysis.Builder()
        .setResolutionSelector(
            ResolutionSelector.Builder().setResolutionStrategy(resolution).build()
        )
        .setOutputImageFormat(ImageAnalysis.OUTPUT_IMAGE_FORMAT_RGBA_8888)
        .setOutputImageRotationEnabled(true)
        .setBackpressureStrategy(ImageAnalysis.STRATEGY_KEEP_ONLY_LATEST)
        .build()
    analysis.setAnalyzer(executor, reader)
    provider.unbindAll()
    provider.bindToLifecycle(owner, CameraSelector.DEFAULT_BACK_CAMERA, analysis)
}
