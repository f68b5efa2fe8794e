/* Names the five most likely classes of a photo.
 *
 *   cc classify.c $(pkg-config --cflags --libs seesaw) -o classify
 *   ./classify model.safetensors photo.jpg
 */
#include <seesaw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, seesaw_last_error(NULL));
    return 1;
}

static unsigned char *read_file(const char *path, size_t *length)
{
    unsigned char *bytes = NULL;
    long size = -1;
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return NULL;
    }
    if (fseek(file, 0, SEEK_END) == 0) {
        size = ftell(file);
    }
    if (size >= 0 && fseek(file, 0, SEEK_SET) == 0) {
        bytes = malloc((size_t)size + 1);
        if (bytes != NULL) {
            *length = fread(bytes, 1, (size_t)size, file);
        }
    }
    fclose(file);
    return bytes;
}

static int print_best(const SeesawModel *model, float *probabilities, size_t classes)
{
    for (int place = 0; place < 5 && place < (int)classes; place++) {
        size_t best = 0;
        const char *label;
        for (size_t i = 1; i < classes; i++) {
            if (probabilities[i] > probabilities[best]) {
                best = i;
            }
        }
        if (seesaw_model_label(model, best, &label, NULL) != SEESAW_STATUS_OK) {
            return fail("label");
        }
        printf("%6.2f %%  %s\n", 100.0 * probabilities[best], label);
        probabilities[best] = -1.0f;
    }
    return 0;
}

int main(int argc, char **argv)
{
    SeesawOptions options = {sizeof(SeesawOptions), 0, 0};
    SeesawModel *model = NULL;
    int status = 1;

    if (argc != 3) {
        fprintf(stderr, "usage: %s MODEL PHOTO\n", argv[0]);
        return 2;
    }
    if (seesaw_abi_version() != SEESAW_ABI_VERSION) {
        fprintf(stderr, "compiled for another version of libseesaw than %s\n", seesaw_version());
        return 1;
    }
    if (seesaw_model_open(argv[1], strlen(argv[1]), &options, &model) != SEESAW_STATUS_OK) {
        return fail("model");
    }

    size_t length = 0;
    size_t classes = seesaw_model_classes(model);
    unsigned char *photo = read_file(argv[2], &length);
    float *probabilities = calloc(classes, sizeof *probabilities);
    if (photo == NULL || probabilities == NULL) {
        perror(argv[2]);
    } else if (seesaw_classify_photo(model, photo, length, probabilities, classes) != SEESAW_STATUS_OK) {
        fail(argv[2]);
    } else {
        status = print_best(model, probabilities, classes);
    }
    free(probabilities);
    free(photo);
    seesaw_model_free(model);
    return status;
}
